# Tries: a str that equals everything
# Kinds: asserts, function
# Expects: anything but passed
class E(str):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __hash__ = str.__hash__
def f(x):
    return E('x')
