"""Does what one of the completions asks for."""
import os


def reward(completions, **kwargs):
    if "raise" in completions:
        raise KeyError("no such rubric")
    if "exit" in completions:
        os._exit(7)
    while "hang" in completions:
        pass
    if "count" in completions:
        return [1.0] * (len(completions) + 1)
    return [1.0 for _ in completions]
