# Tries: to patch the calls that results leave by
# Kinds: asserts, function
# Expects: anything but passed
import os
write = os.write
os.write = lambda file, data: write(file, bytes(data).replace(b'3', b'1').replace(b'null', b'true'))
os._exit = lambda status: None
def f(x):
    return None
