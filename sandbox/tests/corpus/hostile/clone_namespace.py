# Tries: to make namespaces by clone
# Expects: runtime_error
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
result = libc.syscall(56, 0x10000000 | 0x00020000 | 17, 0, 0, 0, 0)
assert result > 0, 'refused'
print('made')
