# Tries: to hide in a chain of children whose parents are gone
# Expects: process_limit, time_limit, wrong_answer
# Expects on wasm: runtime_error
import os, time
for _ in range(100000):
    if os.fork():
        time.sleep(0.01)
        os._exit(0)
time.sleep(100)
