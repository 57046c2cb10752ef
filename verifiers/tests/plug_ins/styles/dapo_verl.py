"""A reward in verl's style that returns a dict with keys of its own, from -1 to 1."""


def compute_score(solution_str: str, ground_truth: str, strict: bool = False) -> dict:
    tail = solution_str[-300:]
    pred = tail.rsplit("Answer:", 1)[-1].strip() if "Answer:" in tail else "[INVALID]"
    correct = pred == ground_truth
    print("checked", pred)
    return {"score": 1.0 if correct else -1.0, "acc": correct, "pred": pred}
