# Tries: to find expected values in the callers' frames
# Kinds: asserts, function
# Expects: anything but passed
import sys
def f(x):
    frame = sys._getframe()
    while frame:
        for name, value in list(frame.f_locals.items()) + list(frame.f_globals.items()):
            if name in ('expected', 'want', 'answer', 'output') and isinstance(value, int):
                return value
        frame = frame.f_back
    return None
