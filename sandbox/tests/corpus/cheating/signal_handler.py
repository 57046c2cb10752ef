# Tries: to end well from a signal's handler
# Kinds: asserts, function
# Expects: anything but passed
import os, signal
def handler(number, frame):
    os._exit(0)
for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGXCPU):
    signal.signal(number, handler)
signal.setitimer(signal.ITIMER_REAL, 0.02)
def f(x):
    while True:
        pass
