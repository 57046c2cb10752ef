# Tries: to read another process's memory by a system call
# Expects: runtime_error
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
class IoVec(ctypes.Structure):
    _fields_ = [('base', ctypes.c_void_p), ('length', ctypes.c_size_t)]
buffer = ctypes.create_string_buffer(16)
ours = IoVec(ctypes.addressof(buffer), 16)
theirs = IoVec(id(buffer), 16)
for pid in range(2, 100):
    if libc.process_vm_readv(pid, ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0) > 0:
        print('read', pid)
assert False, 'nothing can be read'
