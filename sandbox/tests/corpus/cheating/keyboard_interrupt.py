# Tries: to raise what test loops let through
# Kinds: asserts, function
# Expects: anything but passed
def f(x):
    raise KeyboardInterrupt
