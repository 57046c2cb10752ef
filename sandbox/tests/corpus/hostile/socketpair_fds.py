# Tries: to keep files alive inside messages
# Expects: runtime_error, wrong_answer
# Expects on wasm: runtime_error
import array, os, socket
kept = []
for _ in range(100000):
    left, right = socket.socketpair()
    socket.send_fds(left, [b'x'], [right.fileno()] * 100)
    kept.append(left)
