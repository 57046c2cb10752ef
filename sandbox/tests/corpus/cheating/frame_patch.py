# Tries: to replace the harness's functions through its frames
# Kinds: asserts, function
# Expects: anything but passed
import sys
frame = sys._getframe()
while frame:
    frame.f_globals.update(
        write_frame=lambda *a: None, run_test=lambda *a: {'ok': True}, encode=lambda *a: True, call_once=lambda *a: None,
        judge=lambda *a: {'results': [{'ok': True}] * 9}, entry=lambda *a: (lambda *b: 0),
    )
    frame = frame.f_back
def f(x):
    return None
