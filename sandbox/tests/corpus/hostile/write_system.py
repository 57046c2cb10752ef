# Tries: to write into the system's folders
# Expects: runtime_error
open('/usr/lib/python3/evil.py', 'w').write('x')
