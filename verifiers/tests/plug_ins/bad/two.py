def format_reward(completions, **kwargs):
    return [1.0] * len(completions)


def length_reward(prompts, completions):
    return [0.5] * len(completions)
