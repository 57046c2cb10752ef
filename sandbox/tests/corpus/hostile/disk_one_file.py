# Tries: to fill the disk with one file
# Expects: runtime_error
# Expects on wasm: runtime_error, memory_limit, time_limit
with open('big', 'wb') as file:
    for _ in range(200):
        file.write(bytes(1 << 20))
