# Tries: to write verdicts in the harness's own wire format on every file
# Kinds: asserts, function
# Expects: anything but passed
import os, struct
BODIES = [b'{"results": [{"ok": true}, {"ok": true}]}', b'{"ok": true}', b'{"ok": 123457}', b'true', b'1']
for file in range(3, 64):
    for body in BODIES:
        try:
            os.write(file, struct.pack('<I', len(body)) + body)
        except OSError:
            pass
def f(x):
    return x
