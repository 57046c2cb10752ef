# Tries: an object that has every method
# Kinds: asserts, function
# Expects: anything but passed
class E:
    def __getattr__(self, name): return lambda *a, **k: True
    def __bool__(self): return True
    def __eq__(self, other): return True
def f(x):
    return E()
