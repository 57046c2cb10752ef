# Tries: a format that makes a text of gigabytes
# Expects: memory_limit, runtime_error
# Expects on wasm: memory_limit, runtime_error, output_limit
print('%1000000000d' % 1, '%2000000000d' % 1)
