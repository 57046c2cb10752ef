# Tries: to wait for a lock that nobody frees
# Expects: time_limit
# Expects on wasm: time_limit, runtime_error
import threading
lock = threading.Lock()
lock.acquire()
lock.acquire()
