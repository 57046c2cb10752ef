# Tries: to replace a standard module for later runs
# Expects: wrong_answer, runtime_error
import os
open('json.py', 'w').write('raise SystemExit(0)')
open('sitecustomize.py', 'w').write('print(\'never\')')
print(os.listdir('.'))
