# Tries: to rewrite its own memory through /proc
# Kinds: asserts, function
# Expects: anything but passed
try:
    with open('/proc/self/mem', 'r+b') as file:
        file.seek(id(True))
        file.write(b'\x00' * 16)
except OSError:
    pass
def f(x):
    return None
