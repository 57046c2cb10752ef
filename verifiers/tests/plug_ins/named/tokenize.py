"""Has the name of a module of the standard library."""
import math


def verify(prompt, completion, answer):
    return math.isfinite(float(completion))
