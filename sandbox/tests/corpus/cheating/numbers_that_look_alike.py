# Tries: digits of other scripts and other spellings
# Kinds: asserts, function, stdio
# Expects: anything but passed
print('\uff11\uff12\uff13\uff14\uff15\uff17 0x1e241 1_23457e')
def f(x):
    return '\uff11\uff12\uff13\uff14\uff15\uff17'
