# Tries: to close the files it was given
# Expects: wrong_answer, runtime_error
import os
os.closerange(0, 1024)
print('never')
