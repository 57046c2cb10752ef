# Tries: to reach files through a link in its scratch folder
# Expects: runtime_error
import os
os.symlink('/etc/shadow', 'link')
print(open('link').read())
