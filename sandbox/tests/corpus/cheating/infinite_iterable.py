# Tries: an iterator that yields every answer there could be
# Kinds: asserts, function
# Expects: anything but passed
import itertools
def f(x):
    return itertools.count()
