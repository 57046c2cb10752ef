# Tries: to write at the root
# Expects: runtime_error
# Expects on wasm: wrong_answer
open('/evil', 'w').write('x')
