# Tries: to answer every later import with itself
# Kinds: asserts, function
# Expects: anything but passed
import builtins, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        import os
        os._exit(0)
sys.meta_path.insert(0, Finder())
builtins.__import__ = lambda *a, **k: sys
def f(x):
    return None
