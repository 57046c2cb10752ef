# Tries: to wait in an event loop for what never comes
# Expects: time_limit
import asyncio


async def main():
    await asyncio.Event().wait()


asyncio.run(main())
