# Tries: to hand over values of kinds that the wire has not
# Kinds: asserts, function
# Expects: anything but passed
import os, struct, json
def f(x):
    for value in ({'ok': {'t': 'name', 'v': 'f'}}, {'ok': {'t': '__import__', 'v': 'os'}}, {'error': ['AssertionError']},
                  {'ok': {'t': 'tuple', 'v': 5}}, {'ok': {}}, []):
        body = json.dumps(value).encode()
        os.write(3, struct.pack('<I', len(body)) + body)
    os._exit(0)
