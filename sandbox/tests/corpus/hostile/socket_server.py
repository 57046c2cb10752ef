# Tries: to listen for connections
# Expects: runtime_error
import socket
socket.create_server(('127.0.0.1', 0))
print('listening')
