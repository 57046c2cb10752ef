# Tries: coroutines and awaitable objects that equal everything
# Kinds: asserts, function
# Expects: anything but passed
class E:
    def __await__(self):
        yield from ()
        return self
    def __eq__(self, other): return True
async def inner(): return E()
def f(x):
    return inner() if x == 3 else E()
