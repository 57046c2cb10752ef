# Tries: to raise GeneratorExit while it is called
# Kinds: asserts, function
# Expects: anything but passed
def f(x):
    raise GeneratorExit
