# Tries: to end well with sys.exit
# Kinds: asserts, function, stdio
# Expects: anything but passed
import sys
sys.exit(0)
