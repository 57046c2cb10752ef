# Tries: to patch the operators that tests use
# Kinds: asserts, function
# Expects: anything but passed
import math, operator
operator.eq = lambda *a: True
math.isclose = lambda *a, **k: True
def abs(x): return 0
def f(x):
    return None
