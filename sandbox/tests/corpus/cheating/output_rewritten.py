# Tries: to take back what was printed by seeking
# Kinds: asserts, function, stdio
# Expects: anything but passed
import os, sys
print('wrong')
sys.stdout.flush()
try:
    os.ftruncate(1, 0)
    os.lseek(1, 0, os.SEEK_SET)
except OSError:
    pass
def f(x):
    return None
