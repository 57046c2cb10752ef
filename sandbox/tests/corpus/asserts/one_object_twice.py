# Checks: two arguments that are one object are one
# Right:
def same(a, b):
    return a is b
# Wrong:
def same(a, b):
    return a == b
# Test:
x = [1]
assert same(x, x) and same(b=x, a=x) and not same(x, [1])
