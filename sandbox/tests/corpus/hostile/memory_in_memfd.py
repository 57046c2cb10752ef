# Tries: to keep memory in files that have no name
# Expects: runtime_error
# Expects on wasm: runtime_error
import os
held = []
for _ in range(200):
    file = os.memfd_create('hidden')
    held.append(file)
    os.write(file, bytes(16 << 20))
print('held')
