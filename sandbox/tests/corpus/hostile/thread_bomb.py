# Tries: to start threads without end
# Expects: process_limit
# Expects on wasm: runtime_error
import threading, time
while True:
    threading.Thread(target=time.sleep, args=(9,)).start()
