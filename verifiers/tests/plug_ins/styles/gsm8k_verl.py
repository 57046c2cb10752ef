"""A reward in verl's style: the last number after `####`, or the last number."""
import re

_NUMBER = re.compile(r"-?[0-9][0-9,]*(?:\.[0-9]+)?")


def extract_solution(solution_str, method="strict"):
    if method == "strict":
        found = re.findall(r"####\s*(-?[0-9.,]+)", solution_str)
    else:
        found = _NUMBER.findall(solution_str)
    return found[-1].replace(",", "").rstrip(".") if found else None


def compute_score(data_source, solution_str, ground_truth, extra_info=None, format_score=0.1, score=1.0):
    if data_source not in ("openai/gsm8k", "math"):
        raise NotImplementedError(data_source)
    answer = extract_solution(solution_str)
    if answer is None:
        return 0
    return score if float(answer) == float(ground_truth) else format_score
