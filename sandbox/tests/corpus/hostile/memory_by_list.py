# Tries: to grow a list of small things
# Expects: memory_limit, time_limit
# Expects on wasm: memory_limit, time_limit
x = []
while True:
    x.append((len(x), str(len(x))))
