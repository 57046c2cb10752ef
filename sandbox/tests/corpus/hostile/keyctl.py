# Tries: to read the kernel's keyrings
# Expects: runtime_error
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
assert libc.syscall(250, 0, -3, 1) >= 0, 'refused'
