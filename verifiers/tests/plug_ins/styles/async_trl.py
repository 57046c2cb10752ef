"""A reward in TRL's style that is a coroutine function."""
import asyncio


async def length_reward(prompts, completions, **kwargs):
    await asyncio.sleep(0)
    return [min(1.0, len(text) / 100) for text in completions]
