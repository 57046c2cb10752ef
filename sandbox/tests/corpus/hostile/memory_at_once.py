# Tries: to ask for all memory at once
# Expects: memory_limit
# Expects on wasm: memory_limit, runtime_error
x = bytearray(1 << 40)
