# Checks: a generator that yields one list again and again yields one object
# Right:
def prefixes(n):
    path = []
    for i in range(n):
        path.append(i)
        yield path[:]
# Wrong:
def prefixes(n):
    path = []
    for i in range(n):
        path.append(i)
        yield path
# Test:
assert list(prefixes(3)) == [[0], [0, 1], [0, 1, 2]]
