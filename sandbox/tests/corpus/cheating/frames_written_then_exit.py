# Tries: to write verdicts on every file and end at once
# Kinds: asserts, function, stdio
# Expects: anything but passed
import os, struct
for file in range(3, 256):
    for body in (b'{"results": [{"ok": true}]}', b'{"end": "exited", "code": 0, "sizes": [0, 0, 0]}', b'{"ok": true}'):
        try:
            os.write(file, struct.pack('<I', len(body)) + body)
        except OSError:
            pass
os._exit(0)
