# Tries: to double a text for ever
# Expects: memory_limit
# Expects on wasm: memory_limit, runtime_error
x = 'x'
while True:
    x += x
