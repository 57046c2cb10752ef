# Checks: objects that nobody holds any more are forgotten on both sides
# Right:
import gc
def f(x):
    return [x, x]
def held():
    gc.collect()
    return sum(type(thing) is list and len(thing) == 7 for thing in gc.get_objects())
# Wrong:
import gc
seen = []
def f(x):
    seen.append(x)
    return [x, x]
def held():
    gc.collect()
    return sum(type(thing) is list and len(thing) == 7 for thing in gc.get_objects())
# Test:
before = held()
for i in range(300):
    got = f([i] * 7)
    assert got == [[i] * 7] * 2 and got[0] is got[1]
assert held() - before < 10
