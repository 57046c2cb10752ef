# Tries: to end with status 0 before any test
# Kinds: asserts, function, stdio
# Expects: anything but passed
import os
os._exit(0)
