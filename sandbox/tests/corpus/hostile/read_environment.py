# Tries: to find a secret in the environment
# Expects: wrong_answer, runtime_error
import os
print(sorted(os.environ.items()))
print(open('/proc/1/environ').read())
