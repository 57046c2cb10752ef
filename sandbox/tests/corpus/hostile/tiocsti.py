# Tries: to push input into a terminal
# Expects: runtime_error
import fcntl
fcntl.ioctl(0, 0x5412, b'x')
print('pushed')
