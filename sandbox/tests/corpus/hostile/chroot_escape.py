# Tries: to leave its root the classic way
# Expects: runtime_error
import os
os.mkdir('cage')
os.chroot('cage')
for _ in range(100):
    os.chdir('..')
os.chroot('.')
print(os.listdir('/root'))
