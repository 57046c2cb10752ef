# Tries: a regular expression that backtracks for ever
# Expects: time_limit
import re
re.match(r'(a+)+$', 'a' * 64 + 'b')
