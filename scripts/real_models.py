#!/usr/bin/env python3
"""Real models outside the tests: greedy parity with a reference implementation, tasks, and some steps of training.

    cargo xtask real parity --model DIR --goldens FILE [--name NAME]
    cargo xtask real sums   --out DIR [--seed N] [--train N] [--held-out N]
    cargo xtask real train  --config FILE --run-dir DIR [--model DIR] [--tasks FILE ...] [-- ARGUMENTS OF THE TRAINER]

`sums` writes train.jsonl and held_out.jsonl: sums and differences of whole numbers below 100, no question in both.
`parity` gives the goldens' conversations to `trainer generate`, greedily, and compares prompt ids (template and
tokenizer), completion ids (exactly) and the mean of the logprobs. `train` runs stage 1 and prints what its run folder
says: rewards, tokens per second, seconds a step, and the peak of memory. Python's standard library is all they need.

The goldens are one JSON object: {"new_tokens": N, "models": [{"model": NAME, "cases": [{"name", "messages",
"prompt_ids", "completion_ids", "sum_logprob"}, ...]}, ...]}.

Exit codes: 0 all agrees and all ran, 1 something differs or failed, 2 wrong usage or an unreadable file.
"""
import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CARGO_TRAINER = ["cargo", "run", "--release", "--quiet", "--package", "trainer", "--"]


class WrongUsage(Exception):
    """An argument or a file that cannot be used, with what to do about it."""


def trainer_command(options):
    """The trainer to run: the one given, or the workspace's release build."""
    return [options.trainer] if options.trainer else CARGO_TRAINER


# ---- parity ---------------------------------------------------------------------------------------------------------

def read_goldens(path, name):
    """New tokens and cases of the model called name."""
    try:
        goldens = json.loads(Path(path).read_text(encoding="utf-8"))
        models = {model["model"]: model["cases"] for model in goldens["models"]}
        new_tokens = goldens["new_tokens"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WrongUsage(f"{path}: not a file of goldens ({error!r})") from error
    if name not in models:
        raise WrongUsage(f"{path}: no model is called {name!r}, only {', '.join(models)}; give one with --name")
    return new_tokens, models[name]


def generate(options, cases, new_tokens, folder):
    """Greedy completions of the cases, in their order, and the seconds it took."""
    prompts, completions = folder / "prompts.jsonl", folder / "completions.jsonl"
    with prompts.open("w", encoding="utf-8") as lines:
        for case in cases:
            lines.write(json.dumps({"id": case["name"], "messages": case["messages"]}, ensure_ascii=False) + "\n")
    command = [*trainer_command(options), "generate", "--model", options.model, "--input", str(prompts),
               "--output", str(completions), "--temperature", "0", "--max-new-tokens", str(new_tokens), "--ignore-eos"]
    started = time.monotonic()
    subprocess.run(command, check=True)
    seconds = time.monotonic() - started
    with completions.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines], seconds


def differences(case, completion, tolerance):
    """What of the completion differs from its golden, in words; nothing where all agrees."""
    found = []
    if completion["prompt_ids"] != case["prompt_ids"]:
        found.append(f"prompt ids part at {first_difference(completion['prompt_ids'], case['prompt_ids'])}")
    ours, theirs = completion["completion_ids"], case["completion_ids"]
    if ours != theirs:
        found.append(f"completion ids part at {first_difference(ours, theirs)} of {len(theirs)}")
    distance = logprob_distance(case, completion)
    if not distance <= tolerance:
        found.append(f"logprobs are off by more than {tolerance:g} a token")
    return found


def logprob_distance(case, completion):
    """By how much the logprobs differ, in the mean over the tokens."""
    return abs(sum(completion["logprobs"]) - case["sum_logprob"]) / len(case["completion_ids"])


def first_difference(ours, theirs):
    """The first position at which two lists differ."""
    pairs = zip(ours, theirs)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(ours), len(theirs)))


def parity(options):
    """Print agreement case by case; True when all agree."""
    name = options.name or Path(options.model).resolve().name
    new_tokens, cases = read_goldens(options.goldens, name)
    with tempfile.TemporaryDirectory() as folder:
        completions, seconds = generate(options, cases, new_tokens, Path(folder))
    if [completion["id"] for completion in completions] != [case["name"] for case in cases]:
        print("the completions' ids or order are not the prompts'")
        return False
    agreeing = 0
    for case, completion in zip(cases, completions):
        found = differences(case, completion, options.tolerance)
        agreeing += not found
        distance = logprob_distance(case, completion)
        print(f"{case['name']:26} logprobs off by {distance:.1e} a token  {'; '.join(found) or 'agrees'}")
    print(f"{name}: {agreeing} of {len(cases)} cases agree ({len(cases) * new_tokens} tokens in {seconds:.1f} s, "
          "loading the model and, the first time, building included)")
    return agreeing == len(cases)


# ---- sums -----------------------------------------------------------------------------------------------------------

def sum_task(number, first, sign, second):
    """The task of a sum or a difference."""
    return {"id": f"sums-{number}", "task": "math",
            "messages": [{"role": "user", "content": f"What is {first} {sign} {second}?"}], "verifier": "math",
            "ground_truth": str(first + second if sign == "+" else first - second), "source": "sums"}


def sums(options):
    """Write tasks to train on and others to evaluate with."""
    problems = [(first, "+", second) for first in range(100) for second in range(1, 100)]
    problems += [(first, "-", second) for first in range(100) for second in range(1, first + 1)]
    if options.train + options.held_out > len(problems):
        raise WrongUsage(f"there are {len(problems)} sums and differences; ask for fewer")
    drawn = random.Random(options.seed).sample(problems, options.train + options.held_out)
    tasks = [sum_task(number, *problem) for number, problem in enumerate(drawn)]
    folder = Path(options.out)
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in [("train", tasks[:options.train]), ("held_out", tasks[options.train:])]:
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(task) + "\n" for task in part), encoding="utf-8")
        print(f"{folder / name}.jsonl: {len(part)} tasks")
    return True


# ---- train ----------------------------------------------------------------------------------------------------------

def assignments(options):
    """The model and the files of tasks, as the trainer's --set; nothing where the preset's own are meant."""
    arguments = []
    if options.model:
        arguments += ["--set", f"model.path={json.dumps(options.model)}"]
    if options.tasks:
        sources = ", ".join(f"{{path = {json.dumps(path)}}}" for path in options.tasks)
        arguments += ["--set", f"data=[{sources}]"]
    return arguments


def train(options):
    """Run stage 1 and print its metrics; True when the trainer ended well."""
    command = [*trainer_command(options), "--stage", "1", "--config", options.config, "--run-dir", options.run_dir,
               *assignments(options), *options.arguments]
    started = time.monotonic()
    subprocess.run(command, check=True)
    seconds = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    path = Path(options.run_dir) / "metrics.jsonl"
    with path.open(encoding="utf-8") as lines:
        steps = [json.loads(line) for line in lines if line.strip()]
    for step in steps:
        print(json.dumps(step))
    print(f"{len(steps)} lines of metrics in {seconds:.0f} s; peak memory {peak:.2f} GiB "
          "(the largest process; building included where it was needed)")
    return bool(steps)


# ---- command line ---------------------------------------------------------------------------------------------------

def parse(arguments):
    """The options; whatever follows `--` is the trainer's."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(description="Parity, tasks and training with real models.")
    parser.add_argument("--trainer", metavar="FILE", help="the trainer's binary (default: the release build)")
    jobs = parser.add_subparsers(dest="job", required=True)
    job = jobs.add_parser("parity", help="greedy completions against goldens")
    job.add_argument("--model", required=True, metavar="DIR", help="the model's folder, in Hugging Face's layout")
    job.add_argument("--goldens", required=True, metavar="FILE", help="reference completions, JSON")
    job.add_argument("--name", help="the model's name in the goldens (default: the folder's name)")
    # A float32 softmax over 150,000 tokens, as the goldens' is, lies 2e-5 from that in float64.
    job.add_argument("--tolerance", type=float, default=5e-5,
                     help="of a token's logprob, in the mean (default: %(default)s)")
    job.set_defaults(run=parity)
    job = jobs.add_parser("sums", help="write sums and differences as tasks, for configs/real/smollm2-sums.toml")
    job.add_argument("--out", required=True, metavar="DIR", help="the folder for train.jsonl and held_out.jsonl")
    job.add_argument("--seed", type=int, default=1, help="which of them are drawn (default: %(default)s)")
    job.add_argument("--train", type=int, default=600, metavar="N", help="tasks to train on (default: %(default)s)")
    job.add_argument("--held-out", type=int, default=100, metavar="N", help="tasks held out (default: %(default)s)")
    job.set_defaults(run=sums)
    job = jobs.add_parser("train", help="some steps of stage 1; arguments after -- go to the trainer")
    job.add_argument("--config", required=True, metavar="FILE", help="the preset, such as one of configs/real/")
    job.add_argument("--run-dir", required=True, metavar="DIR", help="the run's folder, which must not exist")
    job.add_argument("--model", metavar="DIR", help="the model's folder (default: the preset's)")
    job.add_argument("--tasks", nargs="+", metavar="FILE", help="files of tasks, JSONL (default: the preset's)")
    job.set_defaults(run=train)
    options = parser.parse_args(arguments[:at])
    options.arguments = arguments[at + 1:]
    return options


def main():
    options = parse(sys.argv[1:])
    try:
        return 0 if options.run(options) else 1
    except WrongUsage as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(f"error: {' '.join(error.cmd)} ended with code {error.returncode}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
