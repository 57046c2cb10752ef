# Checks: a function that must return a new list and returns its argument is found out
# Right:
def f(values):
    return list(values)
# Right:
def f(values):
    return [*values]
# Wrong:
def f(values):
    return values
# Wrong:
def f(values):
    values += []
    return values
# Test:
base = [1, 2]
more = f(base)
assert more == base
more.append(9)
assert base == [1, 2] and more == [1, 2, 9]
