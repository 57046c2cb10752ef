# Tries: to use up file descriptors
# Expects: runtime_error
import os
held = []
while True:
    held.append(os.open('.', os.O_RDONLY))
