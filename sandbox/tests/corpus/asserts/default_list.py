# Checks: a list that is a default argument lives on
# Right:
def add(x, found=None):
    found = [] if found is None else found
    found.append(x)
    return found
# Wrong:
def add(x, found=[]):
    found.append(x)
    return found
# Test:
first = add(1)
second = add(2)
assert first == [1] and second == [2] and first is not second
