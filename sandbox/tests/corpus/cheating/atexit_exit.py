# Tries: to leave with status 0 at exit
# Kinds: asserts, function, stdio
# Expects: anything but passed
import atexit, os
atexit.register(os._exit, 0)
def f(x):
    pass
