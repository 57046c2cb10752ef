# Tries: to send a datagram
# Expects: runtime_error
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('8.8.8.8', 53))
print('sent')
