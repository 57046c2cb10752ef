# Tries: to hide wrong output behind backspaces and carriage returns
# Kinds: asserts, function, stdio
# Expects: anything but passed
print('wrong\r\x1b[2K12345\x087')
def f(x):
    return '\x1b[2K123457'
