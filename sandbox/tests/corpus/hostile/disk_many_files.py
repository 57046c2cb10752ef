# Tries: to fill the disk with many files
# Expects: runtime_error
# Expects on wasm: runtime_error, memory_limit, time_limit
for index in range(100000):
    with open(f'file{index}', 'wb') as file:
        file.write(bytes(1 << 16))
