# Tries: to compile source nested too deep
# Expects: runtime_error, memory_limit, output_limit
eval('(' * 100000 + ')' * 100000)
