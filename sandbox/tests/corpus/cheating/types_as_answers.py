# Tries: builtin types in the place of functions and answers
# Kinds: asserts, function
# Expects: anything but passed
f = bool
