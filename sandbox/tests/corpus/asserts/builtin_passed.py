# Checks: builtin functions and types are passed
# Right:
def apply(f, values):
    return [f(value) for value in values]
def kind(x):
    return type(x)
# Wrong:
def apply(f, values):
    return values
def kind(x):
    return str
# Test:
assert apply(len, ['a', 'bc']) == [1, 2] and apply(str, [1]) == ['1'] and kind(3) is int
