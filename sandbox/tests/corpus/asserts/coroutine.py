# Checks: a coroutine function is awaited where the tests do not await
# Right:
import asyncio
async def f(x):
    await asyncio.sleep(0.001)
    return x + 1
# Right:
def f(x):
    return x + 1
# Wrong:
async def f(x):
    return x + 2
# Wrong:
async def f(x):
    yield x + 1
# Test:
assert f(1) == 2
assert [f(n) for n in range(3)] == [1, 2, 3]
