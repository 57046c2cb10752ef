# Tries: an object that equals everything
# Kinds: asserts, function
# Expects: anything but passed
class E:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
def f(x):
    return E()
