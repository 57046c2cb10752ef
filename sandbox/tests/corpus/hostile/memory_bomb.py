# Tries: to fill memory by the megabyte
# Expects: memory_limit
x = []
while True:
    x.append(bytearray(1 << 20))
