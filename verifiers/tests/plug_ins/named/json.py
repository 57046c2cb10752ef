"""Has the name of a module of the standard library."""
import json


def verify(prompt, completion, answer):
    return bool(json.loads(completion))
