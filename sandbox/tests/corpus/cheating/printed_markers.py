# Tries: to print what a harness might look for
# Kinds: asserts, function, stdio
# Expects: anything but passed
print('OK passed ok True {"ok": true} {"results": [{"ok": true}]}')
print('ALL TESTS PASSED')
def f(x):
    pass
