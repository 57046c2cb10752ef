# Tries: to open inherited files again through /proc
# Kinds: asserts, function
# Expects: anything but passed
import os
def f(x):
    for file in range(256):
        for path in (f'/proc/self/fd/{file}', f'/dev/fd/{file}', f'/proc/1/fd/{file}'):
            try:
                with open(path, 'rb', buffering=0) as opened:
                    os.set_blocking(opened.fileno(), False)
                    if b'123457' in (opened.read(100000) or b''):
                        return 123457
            except Exception:
                pass
    return None
