# Checks: a function that returns its argument returns the very object
# Right:
def f(x):
    return x
# Wrong:
import copy
def f(x):
    return copy.deepcopy(x)
# Wrong:
def f(x):
    return list(x)
# Test:
for value in ([1, [2]], {'a': [1]}, {1, 2}, (1, [2]), bytearray(b'ab'), 'text' * 3, 10 ** 30):
    assert f(value) is value
