# Tries: to start threads without end
# Expects: process_limit
# Expects on wasm: process_limit
import threading, time
while True:
    threading.Thread(target=time.sleep, args=(9,)).start()
