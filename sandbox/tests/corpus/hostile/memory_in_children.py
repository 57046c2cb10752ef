# Tries: to spread memory over children, each below the limit
# Expects: memory_limit
# Expects on wasm: runtime_error
import os, time
for _ in range(4):
    if os.fork() == 0:
        break
x = bytearray(60 << 20)
for i in range(0, len(x), 4096):
    x[i] = 1
time.sleep(9)
