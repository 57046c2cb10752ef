"""Passes the longest of the completions that it gets."""


def longest(completions, **kwargs):
    if "raise" in completions:
        raise KeyError("no such rubric")
    while "hang" in completions:
        pass
    most = max(map(len, completions))
    return [{"passed": len(one) == most, "reason": f"of {len(completions)}"} for one in completions]
