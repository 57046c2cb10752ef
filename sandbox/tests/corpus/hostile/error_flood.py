# Tries: to write to standard error for ever
# Expects: output_limit
import sys
while True:
    sys.stderr.write('x' * 1000)
