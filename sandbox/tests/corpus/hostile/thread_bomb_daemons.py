# Tries: to start daemon threads and go on when refused
# Expects: process_limit, time_limit
# Expects on wasm: time_limit, runtime_error
import threading, time
while True:
    try:
        threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
    except RuntimeError:
        time.sleep(0.01)
