# Tries: to leave a daemon behind
# Expects: wrong_answer
# Expects on wasm: runtime_error
import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        import time
        time.sleep(100)
    os._exit(0)
print('left')
