# Tries: to raise an exception whose name the judge cannot make
# Kinds: asserts, function
# Expects: anything but passed
def f(x):
    kind = type('E', (Exception,), {})
    kind.__name__ = 'x' * 100000
    raise kind('y' * 100000)
