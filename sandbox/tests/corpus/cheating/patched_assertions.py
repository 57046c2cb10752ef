# Tries: to make failed assertions something else
# Kinds: asserts, function
# Expects: anything but passed
import builtins
builtins.AssertionError = ZeroDivisionError
builtins.Exception = BaseException
def f(x):
    pass
