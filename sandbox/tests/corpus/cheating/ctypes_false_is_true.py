# Tries: to make False true
# Kinds: asserts, function
# Expects: anything but passed
try:
    import ctypes
    ctypes.memmove(id(False) + 24, id(True) + 24, 4)
    ctypes.memmove(id(False) + 16, id(True) + 16, 8)
except ImportError:
    pass
def f(x):
    return False
