def verify(prompt, completion, answer):
    if answer = completion:
        return 1.0
