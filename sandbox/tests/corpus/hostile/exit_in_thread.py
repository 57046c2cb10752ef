# Tries: to end from a thread while others print
# Expects: wrong_answer, runtime_error
# Expects on wasm: process_limit
import os, threading, time
def end():
    time.sleep(0.05)
    os._exit(0)
threading.Thread(target=end).start()
for _ in range(100):
    print('still here')
    time.sleep(0.01)
