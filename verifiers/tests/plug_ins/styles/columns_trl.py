"""A reward in TRL's style on text, which reads columns and leaves out what is not its own."""


def accuracy_reward(prompts: list, completions: list[str], ground_truth: list, level: list, **kwargs) -> list:
    assert len(prompts) == len(completions) == len(ground_truth) == len(level)
    assert all(isinstance(prompt, str) for prompt in prompts)
    return [None if one is None else float(text.endswith(truth)) for text, truth, one in
            zip(completions, ground_truth, level)]
