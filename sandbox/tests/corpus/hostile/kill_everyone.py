# Tries: to kill every process it can name
# Expects: runtime_error
import os
os.kill(-1, 9)
os.kill(0, 9)
