# Tries: to flood the output from children
# Expects: output_limit, process_limit
# Expects on wasm: runtime_error
import os
for _ in range(8):
    os.fork()
while True:
    os.write(1, b'x' * 4096)
