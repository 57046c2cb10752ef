# Tries: to patch what frames are packed with
# Kinds: asserts, function
# Expects: anything but passed
import marshal, pickle, struct
struct.pack = lambda *a: b'\x04\x00\x00\x00'
marshal.dumps = pickle.dumps = lambda *a: b'true'
def f(x):
    return x
