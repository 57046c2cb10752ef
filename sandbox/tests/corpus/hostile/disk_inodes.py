# Tries: to use up inodes with empty files
# Expects: runtime_error
# Expects on wasm: runtime_error, memory_limit, time_limit, wrong_answer
for index in range(1000000):
    open(f'file{index}', 'w').close()
