# Tries: to end well from a thread while the call runs
# Kinds: asserts, function
# Expects: anything but passed
import os, threading
def f(x):
    threading.Timer(0.02, os._exit, (0,)).start()
    while True:
        pass
