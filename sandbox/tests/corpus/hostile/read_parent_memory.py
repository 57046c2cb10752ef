# Tries: to read the memory of its parent
# Expects: runtime_error
import os
with open(f'/proc/{os.getppid()}/mem', 'rb') as file:
    file.seek(0x400000)
    print(file.read(10))
