# Tries: to fork without end
# Expects: process_limit
# Expects on wasm: runtime_error
import os
while True:
    os.fork()
