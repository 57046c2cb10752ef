# Tries: to kill each process id by itself
# Expects: wrong_answer, runtime_error
# Expects on wasm: runtime_error
import os
for pid in range(2, 70000):
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        pass
print('done')
