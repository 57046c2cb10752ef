# Tries: to write at the root
# Expects: runtime_error
open('/evil', 'w').write('x')
