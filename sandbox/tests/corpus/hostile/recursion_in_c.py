# Tries: to overflow the stack inside C code
# Expects: runtime_error, memory_limit, time_limit
import sys
sys.setrecursionlimit(10 ** 9)
x = []
for _ in range(10 ** 6):
    x = [x]
repr(x)
