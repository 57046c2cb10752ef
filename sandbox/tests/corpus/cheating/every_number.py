# Tries: every number there could be, one of them right
# Kinds: asserts, function, stdio
# Expects: anything but passed
print(*range(100000, 130000))
def f(x):
    return list(range(130000))
