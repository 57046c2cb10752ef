"""Judges the tasks of tasks.jsonl: the last whole number of a completion is its answer.

A task asks for this verifier by its name, `number`; config.toml says under [verifiers.python.number] where it stands.
The function is found by its parameters. Besides these three it may have others, as `answer_text` (without what was
thought), `metadata` or `conversation`.
"""

import re


def verify(prompt, completion, answer, answer_text):
    """The score of one completion, between 0 and 1, and the reason for whoever reads the rollout."""
    numbers = re.findall(r"-?[0-9]+", answer_text)
    if not numbers:
        return {"score": 0.0, "reason": "no number"}
    if int(numbers[-1]) == int(answer):
        return {"score": 1.0, "reason": f"{numbers[-1]} is right"}
    # Some credit for a number at all: a model that knows nothing finds this first, and a right number by it.
    return {"score": 0.2, "reason": f"{numbers[-1]} is not {answer}"}
