# Tries: to confuse the judge with names of its builtins
# Kinds: asserts, function
# Expects: anything but passed
import json, os, struct
def send(value):
    body = json.dumps(value).encode()
    os.write(3, struct.pack('<I', len(body)) + body)
try:
    send({'names': ['isinstance', 'len', 'AssertionError', 'f', '__builtins__', '__name__']})
except OSError:
    pass
def isinstance(*a): return True
def f(x):
    return None
