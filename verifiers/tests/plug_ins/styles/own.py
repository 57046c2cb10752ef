"""A plug-in of this project's own style."""
import sys
from dataclasses import dataclass


@dataclass
class Finding:
    text: str


def verify(prompt, completion, answer, **extra):
    said = Finding(extra["answer_text"].strip())
    print("a word on standard output")
    sys.stdout.buffer.write(b"and bytes, which are no UTF-8: \xff\n")
    if not said.text:
        return {"kind": "no_answer", "reason": "it said nothing"}
    if said.text == "skip":
        return None
    passed = said.text == answer and "?" in prompt
    return {"score": float(passed), "passed": passed, "reason": f"{said.text} in {extra['metadata']['level']}"}
