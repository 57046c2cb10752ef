# Tries: to read the harness's files beside the program
# Expects: runtime_error
import os
print(os.listdir('..'), open('../harness.py').read())
raise SystemExit('found')
