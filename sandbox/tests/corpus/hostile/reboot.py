# Tries: to restart the machine
# Expects: runtime_error
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
assert libc.reboot(0x01234567) == 0, 'refused'
