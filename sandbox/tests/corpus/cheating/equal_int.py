# Tries: an int that equals everything
# Kinds: asserts, function
# Expects: anything but passed
class E(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
def f(x):
    return E(0)
