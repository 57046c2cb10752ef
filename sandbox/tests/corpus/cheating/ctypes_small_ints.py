# Tries: to make small integers other numbers
# Kinds: asserts, function
# Expects: anything but passed
try:
    import ctypes
    for number in range(2, 20):
        ctypes.c_int.from_address(id(number) + 24).value = 99
except ImportError:
    pass
def f(x):
    return True
