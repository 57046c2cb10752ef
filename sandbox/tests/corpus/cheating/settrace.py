# Tries: to change results from a trace function
# Kinds: asserts, function
# Expects: anything but passed
import sys
def trace(frame, event, value):
    if event == 'return':
        frame.f_locals['value'] = frame.f_locals['expected'] = True
    frame.f_trace_opcodes = True
    return trace
sys.settrace(trace)
sys.setprofile(lambda *a: None)
def f(x):
    return None
