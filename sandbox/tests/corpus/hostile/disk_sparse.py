# Tries: to make a file larger than any disk
# Expects: runtime_error
import os
file = os.open('sparse', os.O_RDWR | os.O_CREAT)
os.ftruncate(file, 1 << 50)
print('made')
