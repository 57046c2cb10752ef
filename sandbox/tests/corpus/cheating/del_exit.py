# Tries: to end well when an object dies
# Kinds: asserts, function
# Expects: anything but passed
import os
class Last:
    def __del__(self):
        os._exit(0)
last = Last()
def f(x):
    raise ValueError('no answer')
