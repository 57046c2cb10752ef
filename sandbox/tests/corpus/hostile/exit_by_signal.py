# Tries: to end by a signal
# Expects: runtime_error
import os, signal
signal.raise_signal(signal.SIGSEGV)
os._exit(139)
