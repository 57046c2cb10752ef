# Tries: to guess from what it reads
# Kinds: asserts, function, stdio
# Expects: anything but passed
import sys
text = sys.stdin.read()
print(text)
print(text.strip() * 2)
def f(x):
    return x
