# Tries: to talk to a local service
# Expects: runtime_error
import socket
socket.socket(socket.AF_UNIX).connect('/run/docker.sock')
