# Tries: to become root
# Expects: runtime_error
import os
os.setuid(0)
print('root')
