# Tries: to make system calls through io_uring
# Expects: runtime_error
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
params = ctypes.create_string_buffer(120)
assert libc.syscall(425, 8, params) >= 0, 'refused'
