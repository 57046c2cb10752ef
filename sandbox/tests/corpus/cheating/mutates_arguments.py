# Tries: to change what the test compares with
# Kinds: asserts, function
# Expects: anything but passed
def f(x):
    if isinstance(x, list):
        x.clear()
    return x
