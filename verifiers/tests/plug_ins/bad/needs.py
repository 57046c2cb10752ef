def verify(prompt, completion, answer, rubric):
    return 1.0
