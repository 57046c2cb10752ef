"""Has the name of a module that others of the standard library import."""
import asyncio
import dataclasses
import re
import statistics
import tokenize

import beside


@dataclasses.dataclass
class Finding:
    number: float


async def verify(prompt, completion, answer):
    await asyncio.sleep(0)
    found = Finding(statistics.mean(map(float, re.findall("[0-9]+", completion))))
    return {"score": found.number == beside.WANTED, "reason": f"{tokenize.NAME} {Finding.__module__}"}
