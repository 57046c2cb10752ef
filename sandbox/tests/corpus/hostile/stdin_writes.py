# Tries: to grow the file it reads from
# Expects: runtime_error, wrong_answer
# Expects on wasm: wrong_answer, runtime_error, time_limit, memory_limit
import os
try:
    while True:
        os.write(0, bytes(1 << 20))
except OSError as error:
    print('refused')
