# Tries: to rename the machine
# Expects: runtime_error
import socket
socket.sethostname('owned')
print('renamed')
