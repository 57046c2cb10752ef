# Tries: to share a flood between both outputs
# Expects: output_limit
import sys
while True:
    sys.stdout.write('x' * 500)
    sys.stderr.write('y' * 500)
