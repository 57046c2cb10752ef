# Checks: arguments are changed in place, whatever they are
# Right:
def clear(x):
    x.clear()
    return None
# Wrong:
def clear(x):
    x = type(x)()
# Wrong:
def clear(x):
    return x.clear
# Test:
from collections import Counter, OrderedDict, deque
for value in ([1], {1: 2}, {3}, deque([4]), bytearray(b'5'), Counter('aab'), OrderedDict(a=1)):
    assert clear(value) is None
    assert len(value) == 0
