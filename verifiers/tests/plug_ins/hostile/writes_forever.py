"""Fills standard output."""
import os


def verify(prompt, completion, answer):
    while True:
        os.write(1, b"x" * 65536)
