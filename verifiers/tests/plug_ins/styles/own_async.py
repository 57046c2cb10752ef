"""A coroutine function: its calls of a batch are awaited together."""
import asyncio


async def judge(prompt, completion, answer):
    await asyncio.sleep(0.05 if completion != "slow" else 3600)
    return 1.0 if completion.endswith(answer) else 0.0
