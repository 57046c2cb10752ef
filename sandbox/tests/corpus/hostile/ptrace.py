# Tries: to trace another process
# Expects: runtime_error
import ctypes
libc = ctypes.CDLL(None)
assert libc.ptrace(16, 1, 0, 0) == 0
