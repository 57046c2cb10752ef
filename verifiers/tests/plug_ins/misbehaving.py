"""Does what the completion asks for."""
import os
import time


def verify(prompt, completion, answer):
    if completion == "raise":
        raise KeyError("no such rubric")
    if completion == "exit":
        os._exit(7)
    if completion == "leave":
        raise SystemExit(0)
    if completion == "hang":
        while True:
            pass
    if completion == "sleep":
        time.sleep(3600)
    return {
        "nan": float("nan"), "text": "0.5", "list": [1.0], "far": 3.0, "none": None, "true": True, "memory": MemoryError,
    }.get(completion, 1.0)
