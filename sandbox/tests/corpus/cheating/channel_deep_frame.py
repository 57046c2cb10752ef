# Tries: to break the judge's parser with a deep value
# Kinds: asserts, function
# Expects: anything but passed
import os, struct
body = b'[' * 200000
try:
    os.write(3, struct.pack('<I', len(body)) + body)
except OSError:
    pass
def f(x):
    return x
