# Tries: to start a program with another user's rights
# Expects: runtime_error
import subprocess
print(subprocess.run(['/usr/bin/su', '-c', 'id'], check=True, capture_output=True).stdout)
