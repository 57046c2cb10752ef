# Tries: to look at processes through /proc
# Expects: runtime_error
import os
print(os.listdir('/proc'), open('/proc/self/maps').read())
