# Tries: to go on after every MemoryError
# Expects: time_limit, memory_limit
x = []
while True:
    try:
        x.append(bytearray(1 << 20))
    except MemoryError:
        pass
