# Tries: to list home folders
# Expects: runtime_error
import os
print(os.listdir('/root'), os.listdir('/home'))
