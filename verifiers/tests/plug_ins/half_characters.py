"""Says in its reason what the completion's JSON says, half a character and all."""
import json


def verify(prompt, completion, answer):
    said = json.loads(completion)
    if said == "raise":
        raise ValueError("\ud83d")
    return {"score": 1.0, "reason": said, "detail": "caf\u00e9\u2028"}
