# Tries: to change what it was handed before, or has returned
# Kinds: asserts, function
# Expects: anything but passed
seen = [[]]
def f(x):
    for thing in seen:
        thing.append(x)
    seen.append([123457])
    return seen
