# Tries: to crash the interpreter with bytecode
# Expects: runtime_error, time_limit
# Expects on wasm: runtime_error, time_limit, memory_limit
def f():
    pass
f.__code__ = f.__code__.replace(co_code=b'\x64\xff' * 100, co_consts=())
f()
