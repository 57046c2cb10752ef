# Tries: to kill its process group, which a pid namespace does not end at
# Expects: wrong_answer, runtime_error
# Expects on wasm: runtime_error
import os
os.kill(0, 9)
