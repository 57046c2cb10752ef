# Tries: to kill its parent
# Expects: runtime_error, wrong_answer
import os
print(os.getppid())
os.kill(os.getppid(), 9)
raise SystemExit(1)
