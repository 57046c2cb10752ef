# Tries: an exception that breaks whoever describes it
# Kinds: asserts, function
# Expects: anything but passed
class E(Exception):
    def __str__(self): raise SystemExit(0)
    __repr__ = __str__
def f(x):
    raise E()
