"""Has the name of a module of the standard library."""
import inspect


def verify(prompt, completion, answer):
    return inspect.isfunction(verify)
