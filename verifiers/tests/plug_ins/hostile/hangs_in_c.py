"""Computes in one call of the interpreter's own code, where no exception arrives."""


def verify(prompt, completion, answer):
    return float(sum(range(1 << 62)))
