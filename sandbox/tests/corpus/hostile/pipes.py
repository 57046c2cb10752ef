# Tries: to use up pipes
# Expects: runtime_error
# Expects on wasm: runtime_error
import os
held = []
while True:
    held.append(os.pipe())
