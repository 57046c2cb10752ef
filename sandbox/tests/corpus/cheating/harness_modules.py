# Tries: to import the harness and call it
# Kinds: asserts, function
# Expects: anything but passed
import importlib, sys
for name in ('harness', 'judge', 'wire', 'candidate', 'runner', 'grader', 'zygote', 'tests', '__main__'):
    try:
        module = importlib.import_module(name)
        for key, value in list(vars(module).items()):
            if callable(value) and key.startswith(('judge', 'run', 'grade', 'check')):
                setattr(module, key, lambda *a, **k: True)
    except Exception:
        pass
def f(x):
    return None
