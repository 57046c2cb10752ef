# Tries: infinity in place of an answer
# Kinds: asserts, function
# Expects: anything but passed
def f(x):
    return float('inf')
