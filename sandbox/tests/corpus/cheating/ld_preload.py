# Tries: to load code into the next program
# Kinds: asserts, function
# Expects: anything but passed
import os
os.environ['LD_PRELOAD'] = '/box/tmp/evil.so'
os.environ['PYTHONSTARTUP'] = '/box/tmp/evil.py'
open('evil.py', 'w').write('import os; os._exit(0)')
open('sitecustomize.py', 'w').write('import os; os._exit(0)')
def f(x):
    return None
