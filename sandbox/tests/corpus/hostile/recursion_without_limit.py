# Tries: to overflow the stack with the recursion limit lifted
# Expects: runtime_error, memory_limit, time_limit
import sys
sys.setrecursionlimit(10 ** 9)
def f(n):
    return f(n + 1)
f(0)
