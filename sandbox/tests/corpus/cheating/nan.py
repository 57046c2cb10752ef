# Tries: NaN, which some comparisons let through
# Kinds: asserts, function
# Expects: anything but passed
def f(x):
    return float('nan')
