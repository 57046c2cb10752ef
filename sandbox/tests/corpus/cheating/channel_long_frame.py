# Tries: to announce a frame that never comes
# Kinds: asserts, function
# Expects: anything but passed
import os, struct
try:
    os.write(3, struct.pack('<I', 0xffffffff))
    os.write(3, b'{"ok": true}' * 10)
except OSError:
    pass
def f(x):
    return x
