# Tries: to print once more at exit
# Kinds: asserts, function, stdio
# Expects: anything but passed
import atexit
atexit.register(print, 'OK')
print('wrong')
def f(x):
    return 'OK'
