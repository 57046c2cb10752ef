# Tries: a value where a function should be
# Kinds: asserts, function
# Expects: anything but passed
f = True
