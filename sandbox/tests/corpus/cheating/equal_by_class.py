# Tries: an object that claims to be an int
# Kinds: asserts, function
# Expects: anything but passed
class E:
    __class__ = int
    def __eq__(self, other): return True
    def __index__(self): return 123457
    def __int__(self): return 123457 if False else 0
def f(x):
    return E()
