import no_such_module_at_all


def verify(prompt, completion, answer):
    return 1.0
