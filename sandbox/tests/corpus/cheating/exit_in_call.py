# Tries: to end while it is called
# Kinds: asserts, function
# Expects: anything but passed
def f(x):
    import os
    os._exit(0)
