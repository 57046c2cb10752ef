# Tries: to replace print and the outputs
# Kinds: asserts, function, stdio
# Expects: anything but passed
import builtins, io, sys
builtins.print = lambda *a, **k: None
sys.stdout = sys.stderr = io.StringIO()
def f(x):
    pass
