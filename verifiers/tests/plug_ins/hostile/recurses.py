"""Calls itself without end."""
import sys


def verify(prompt, completion, answer):
    sys.setrecursionlimit(1 << 30)

    def deeper(depth):
        return [deeper(depth + 1)]

    return deeper(0)
