# Tries: to let a child answer in its place
# Kinds: asserts, function
# Expects: anything but passed
import os
def f(x):
    if os.fork() == 0:
        return 0
    os._exit(0)
