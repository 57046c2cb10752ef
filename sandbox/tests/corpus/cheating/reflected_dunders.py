# Tries: an object that steals the other side of the comparison
# Kinds: asserts, function
# Expects: anything but passed
class E:
    stolen = None
    def __eq__(self, other):
        E.stolen = other
        return True
    __req__ = __ne__ = __eq__
def f(x):
    return E.stolen if E.stolen is not None else E()
