"""A reward in verl's style that looks at everything it is given."""


async def compute_score(data_source, solution_str, ground_truth, extra_info):
    import asyncio

    await asyncio.sleep(0.01)
    assert extra_info["index"] and "split" in extra_info
    return {"score": float(extra_info["level"] == 3 and ground_truth in solution_str), "reason": data_source}
