# Checks: tests await coroutines themselves, in turn and together
# Right:
import asyncio
class Box:
    def __init__(self):
        self.queue = None
    def get_queue(self):
        self.queue = self.queue or asyncio.Queue(1)
        return self.queue
    async def put(self, n):
        for i in range(n):
            await self.get_queue().put(i)
    async def take(self, n):
        return [await self.get_queue().get() for _ in range(n)]
async def double(x):
    if x < 0:
        raise ValueError(x)
    return 2 * x
async def count(n):
    for i in range(n):
        yield i
async def sleep():
    await asyncio.sleep(30)
# Wrong:
class Box:
    async def put(self, n):
        self.n = n
    async def take(self, n):
        return []
async def double(x):
    return x
async def count(n):
    yield 0
async def sleep():
    return 1
# Test:
import asyncio
assert asyncio.get_event_loop().run_until_complete(double(3)) == 6
assert asyncio.run(double(2)) == 4

async def test():
    assert await double(1) == 2
    assert await asyncio.gather(double(1), double(2)) == [2, 4]
    box = Box()
    assert (await asyncio.gather(box.take(5), box.put(5)))[0] == [0, 1, 2, 3, 4]
    assert [x async for x in count(3)] == [0, 1, 2]
    try:
        await double(-1)
        assert False
    except ValueError as error:
        assert error.args == (-1,)
    try:
        await asyncio.wait_for(sleep(), 0.05)
        assert False
    except asyncio.TimeoutError:
        pass

asyncio.run(test())
