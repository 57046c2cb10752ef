# Checks: a list that holds itself crosses
# Right:
def knot(x):
    x.append(x)
    return x
# Wrong:
def knot(x):
    x.append(list(x))
    return x
# Test:
values = [1]
assert knot(values) is values and values[1] is values
