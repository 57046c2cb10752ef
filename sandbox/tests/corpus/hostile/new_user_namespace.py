# Tries: to become root in a namespace of its own
# Expects: runtime_error
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
assert libc.unshare(0x10000000) == 0
