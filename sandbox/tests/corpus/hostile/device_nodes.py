# Tries: to make and read a device
# Expects: runtime_error
import os, stat
os.mknod('disk', stat.S_IFBLK | 0o600, os.makedev(8, 0))
print(open('disk', 'rb').read(1))
