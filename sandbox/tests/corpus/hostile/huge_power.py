# Tries: an arithmetic operation that cannot be interrupted
# Expects: time_limit, memory_limit
x = 7 ** (7 ** 9)
print(len(str(x)))
