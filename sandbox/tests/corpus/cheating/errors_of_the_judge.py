# Tries: to raise what ends a test without a failure
# Kinds: asserts, function
# Expects: anything but passed
class Unsupported(BaseException): pass
class Gone(BaseException): pass
class AssertionError(Exception):
    __module__ = 'builtins'
class StopIteration(StopIteration):
    __module__ = 'decimal'
def f(x):
    error = (Unsupported if x == 3 else StopIteration)('ok')
    error.__raised__ = error.kind = error.failure = None
    raise error
