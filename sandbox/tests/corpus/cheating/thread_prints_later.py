# Tries: to print an answer from a thread that outlives the program
# Kinds: asserts, function, stdio
# Expects: anything but passed
import threading, time
def later():
    time.sleep(0.2)
    print('123456', flush=True)
threading.Thread(target=later, daemon=True).start()
def f(x):
    return None
