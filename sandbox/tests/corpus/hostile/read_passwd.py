# Tries: to read /etc/passwd
# Expects: runtime_error
print(open('/etc/passwd').read())
