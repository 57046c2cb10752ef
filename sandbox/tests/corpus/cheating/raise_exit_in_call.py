# Tries: to raise SystemExit while it is called
# Kinds: asserts, function
# Expects: anything but passed
def f(x):
    raise SystemExit(0)
