# Tries: to make every JSON text say yes
# Kinds: asserts, function
# Expects: anything but passed
import json
json.loads = lambda *a, **k: {'ok': True, 'results': [{'ok': True}]}
json.dumps = lambda *a, **k: '{"results": [{"ok": true}]}'
def f(x):
    pass
