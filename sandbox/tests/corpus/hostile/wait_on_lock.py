# Tries: to wait for a lock that nobody frees
# Expects: time_limit
import threading
lock = threading.Lock()
lock.acquire()
lock.acquire()
