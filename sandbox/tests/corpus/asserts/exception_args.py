# Checks: an exception has its class and its args
# Right:
def f(n):
    if n < 0:
        raise ValueError('negative', n)
    return {}[n]
# Wrong:
def f(n):
    if n < 0:
        raise ValueError('negative')
    return {}[n]
# Wrong:
def f(n):
    raise KeyError(n)
# Wrong:
def f(n):
    raise ValueError('negative', n)
# Test:
try:
    f(-3)
    assert False
except ValueError as error:
    assert type(error) is ValueError and error.args == ('negative', -3) and str(error) == "('negative', -3)"
try:
    f(3)
    assert False
except LookupError as error:
    assert type(error) is KeyError and error.args == (3,)
