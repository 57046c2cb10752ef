# Tries: a coroutine that never ends
# Kinds: asserts, function
# Expects: anything but passed
import asyncio
async def f(x):
    while True:
        await asyncio.sleep(0)
