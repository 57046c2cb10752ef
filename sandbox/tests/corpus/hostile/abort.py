# Tries: to abort
# Expects: runtime_error
import os
os.abort()
