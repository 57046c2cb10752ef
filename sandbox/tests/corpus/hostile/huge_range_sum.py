# Tries: a loop inside one call of C code
# Expects: time_limit
print(sum(range(10 ** 12)))
