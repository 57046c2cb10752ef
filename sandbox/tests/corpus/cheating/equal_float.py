# Tries: a float that equals everything
# Kinds: asserts, function
# Expects: anything but passed
class E(float):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
    def __hash__(self): return 0
def f(x):
    return E('nan')
