"""Leaves threads behind that never end."""
import threading


def verify(prompt, completion, answer):
    def spin():
        while True:
            pass

    for _ in range(4):
        threading.Thread(target=spin).start()
    return 0.25
