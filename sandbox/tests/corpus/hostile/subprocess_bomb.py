# Tries: to start interpreters without end
# Expects: process_limit, runtime_error, time_limit, memory_limit
# Expects on wasm: runtime_error
import subprocess, sys
children = []
while True:
    children.append(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(100)']))
