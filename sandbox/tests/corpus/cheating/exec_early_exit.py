# Tries: to become a program that ends well
# Kinds: asserts, function, stdio
# Expects: anything but passed
import os, sys
try:
    os.execv(sys.executable, [sys.executable, '-c', 'pass'])
except OSError:
    os._exit(0)
