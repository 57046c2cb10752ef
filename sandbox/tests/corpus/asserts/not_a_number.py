# Checks: NaN equals itself where it is one object, and no number
# Right:
def f(x):
    return [x]
# Wrong:
def f(x):
    return [float(str(x))]
# Test:
import math
nan = math.nan
assert f(nan) == [nan] and f(nan)[0] is nan and f(nan)[0] != nan
