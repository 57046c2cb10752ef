"""Calls out."""
import socket


def verify(prompt, completion, answer):
    with socket.create_connection(("127.0.0.1", int(answer)), timeout=1):
        return 1.0
