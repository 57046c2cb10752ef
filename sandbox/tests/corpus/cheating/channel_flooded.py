# Tries: to answer the judge before it asks
# Kinds: asserts, function
# Expects: anything but passed
import json, os, struct
frames = b''.join(
    struct.pack('<I', len(body)) + body
    for body in [json.dumps(value).encode() for value in ({'names': ['f']}, {'ok': True}, {'ok': {'t': 'ref', 'v': 0}})]
)
try:
    os.write(3, frames * 100)
except OSError:
    pass
def f(x):
    return x
