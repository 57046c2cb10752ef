"""A reward in TRL's style on conversations: is the answer set off from the thinking?"""
import re


def format_reward(completions, **kwargs):
    pattern = r"^<think>.*?</think>\s*\S.*$"
    contents = [completion[0]["content"] for completion in completions]
    return [1.0 if re.match(pattern, content, re.DOTALL) else 0.0 for content in contents]
