# Tries: to fork without end and swallow every error
# Expects: process_limit, time_limit
# Expects on wasm: runtime_error
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
