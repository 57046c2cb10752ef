# Tries: to mount over its folder
# Expects: runtime_error
import ctypes
libc = ctypes.CDLL(None)
assert libc.mount(b'a', b'/box/tmp', b'tmpfs', 0, None) == 0
