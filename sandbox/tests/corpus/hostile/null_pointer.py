# Tries: to crash the interpreter
# Expects: runtime_error
import ctypes
ctypes.string_at(0)
