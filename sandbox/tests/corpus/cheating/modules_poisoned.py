# Tries: to poison modules that the harness imports
# Kinds: asserts, function
# Expects: anything but passed
import sys, types
class Yes(types.ModuleType):
    def __getattr__(self, name): return lambda *a, **k: True
for name in ('json', 'ast', 'traceback', 'struct', 'unittest', 'math', 'decimal'):
    sys.modules[name] = Yes(name)
def f(x):
    return None
