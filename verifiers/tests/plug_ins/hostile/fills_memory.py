"""Takes all memory."""


def verify(prompt, completion, answer):
    held = []
    while True:
        held.append(bytearray(16 << 20))
