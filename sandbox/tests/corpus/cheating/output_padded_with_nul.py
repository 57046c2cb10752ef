# Tries: output padded with NULs, which some comparisons end at
# Kinds: asserts, function, stdio
# Expects: anything but passed
print('123457\0\0\0junk')
def f(x):
    return '123457\0'
