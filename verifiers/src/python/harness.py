"""Loads a plug-in and puts calls to it: a header and then batches on standard input, an answer a line on its own channel.

What is needed once, before the first call, stands in find.py.
"""
import sys

# The folder of the start, and later that of the plug-in, stand behind the standard library: a file there that is called
# re.py is not what the library's own modules import.
FOLDERS = [entry for entry in sys.path if not entry]
sys.path[:] = [entry for entry in sys.path if entry]
BEHIND = next((at for at, one in enumerate(sys.path) if one.endswith(("site-packages", "dist-packages"))), len(sys.path))
sys.path[BEHIND:BEHIND] = FOLDERS

import _frozen_importlib_external
import binascii
import io
import json
import marshal
import math
import os
import signal
import time
import types

# Characters of a plug-in's last words.
WORDS = 500
# Kinds of verdict that a plug-in may name.
KINDS = "passed", "failed", "partial", "no_answer", "unparsed", "not_applicable"


class Tail(io.TextIOBase):
    """What the plug-in prints: the end is kept, as its last words."""
    encoding, errors, text = "utf-8", "replace", ""

    def write(self, text):
        self.text = (self.text + text)[-WORDS:]
        return len(text)

    def reconfigure(self, **settings):
        pass

    @property
    def buffer(self):
        return TailBytes(self)


class TailBytes(io.RawIOBase):
    """The same for what is printed as bytes."""

    def __init__(self, tail):
        self.tail = tail

    def writable(self):
        return True

    def write(self, data):
        self.tail.write(bytes(data)[-WORDS:].decode("utf-8", "replace"))
        return len(data)


def channels():
    """The streams of questions and of answers, which the plug-in does not find at their usual places."""
    try:
        questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
    except (AttributeError, OSError):
        questions, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdin = io.StringIO()
    sys.stdout, sys.stderr = Tail(), Tail()
    return questions, answers


QUESTIONS, ANSWERS = channels()
OUT, ERR, LEAVE = sys.stdout, sys.stderr, os._exit
PROCESS = getattr(os, "getpid", int)
OWN, CLOCK, DUMPS = PROCESS(), time.monotonic, json.dumps
HEADER = json.loads(QUESTIONS.readline())
PATH, MARK = HEADER["path"], HEADER["mark"]


def put(**answer):
    """Writes an answer; a copy of this process that the plug-in made and let go on ends here."""
    if PROCESS() != OWN:
        LEAVE(0)
    # Text in Python may have half a character, which no other reader of JSON takes.
    ANSWERS.write(f"\n{MARK}{DUMPS(answer, ensure_ascii=False)}\n".encode("utf-8", "replace"))
    ANSWERS.flush()


def words(error):
    """An exception in words: its type, its text, and the last line of the plug-in that it came through."""
    place, trace = "", error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == PATH:
            place = f"{os.path.basename(PATH)}, line {trace.tb_lineno}: "
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename == PATH:
        return f"{os.path.basename(PATH)}, line {error.lineno}: {error.msg}"
    if isinstance(error, Interrupted):
        return f"{place}after {HEADER['seconds']:g} seconds"
    try:
        text = str(error)
    except BaseException:
        text = "its text cannot be had"
    said = (ERR.text.strip() or OUT.text.strip()).splitlines()[-1:]
    return f"{place}{type(error).__name__}: {text}"[:WORDS] + "".join(f" (it printed: {line})" for line in said)


def failed(index, error):
    """Answers a call with what it raised."""
    kinds = {"MemoryError": "over_budget", "TimeoutError": "timed_out", "Interrupted": "timed_out"}
    put(index=index, error=words(error), kind=kinds.get(type(error).__name__, "crashed"))


def load():
    """Runs the plug-in's file as a module and returns that; its name is no other module's."""
    name = "_ponder_plugin_" + os.path.splitext(os.path.basename(PATH))[0]
    module = types.ModuleType(name)
    module.__file__ = PATH
    sys.modules[name] = module
    if HEADER["own_folder"]:
        sys.path.insert(BEHIND, os.path.dirname(PATH))
    packed = HEADER["compiled"]
    if packed and HEADER["magic"] == _frozen_importlib_external.MAGIC_NUMBER.hex():
        code = marshal.loads(binascii.a2b_base64(packed))
    else:
        code = compile(HEADER["source"].removeprefix("\ufeff"), PATH, "exec", dont_inherit=True)
    exec(code, module.__dict__)
    return module


def number(value):
    """The value as a finite number; numpy's and torch's scalars are numbers, text is none."""
    if isinstance(value, (str, bytes, bytearray)) or not hasattr(value, "__float__") and not hasattr(value, "__index__"):
        raise TypeError(f"a score must be a number, not {value!r}")
    score = float(value)
    if not math.isfinite(score):
        raise ValueError(f"a score must be finite, not {score}")
    return score


def verdict(value):
    """What the plug-in returned for one completion, as an answer."""
    if value is None:
        return {"kind": "not_applicable"}
    if not isinstance(value, dict):
        return {"score": number(value)}
    if "score" in value and value["score"] is None:
        return {"kind": "not_applicable", "reason": str(value.get("reason") or "")[:WORDS]}
    answer = {name: str(value[name])[:WORDS] for name in ("reason", "kind", "detail") if value.get(name) is not None}
    if "score" in value:
        answer["score"] = number(value["score"])
    if value.get("passed") is not None:
        if isinstance(value["passed"], (str, bytes)):
            raise TypeError(f"`passed` must be true or false, not {value['passed']!r}")
        answer["passed"] = bool(value["passed"])
    if answer.get("kind", "passed") not in KINDS:
        raise ValueError(f"`kind` is {answer['kind']!r}; it must be one of {', '.join(KINDS)}")
    if not answer.keys() & {"score", "passed", "kind"}:
        raise TypeError(f"the dict has no `score`, only {', '.join(map(str, value)) or 'nothing'}")
    if "reason" not in answer:
        rest = {name: item for name, item in value.items() if name not in ("score", "passed", "kind", "detail")}
        answer["reason"] = ", ".join(f"{name}={item!r}" for name, item in rest.items())[:WORDS]
    return answer


def last_words_of_the_user(judged):
    turns = [turn for turn in judged["task"]["messages"] if turn["role"] == "user"]
    return turns[-1]["content"] if turns else ""


def ours(judged):
    given = dict(judged, prompt=last_words_of_the_user(judged), answer_text=judged["answer"])
    given["answer"] = judged["ground_truth"]
    return given


def verl(judged):
    task, meta = judged["task"], judged["metadata"]
    info = {"index": task["id"], "split": None, **(meta if isinstance(meta, dict) else {})}
    source = task.get("source") or task["task"]
    truth = judged["ground_truth"]
    return {"data_source": source, "solution_str": judged["completion"], "ground_truth": truth, "extra_info": info}


def trl(batch):
    rows = []
    for judged in batch:
        truth, task, meta = judged["ground_truth"], judged["task"], judged["metadata"]
        own = {"id": task["id"], "task": task["task"], "source": task.get("source")}
        own.update(ground_truth=truth, answer=truth, solution=truth)
        rows.append({**own, **(meta if isinstance(meta, dict) else {})})
    columns = {name: [row.get(name) for row in rows] for name in dict.fromkeys(name for row in rows for name in row)}
    if HEADER["messages"]:
        columns["prompts"] = [judged["conversation"] for judged in batch]
        columns["completions"] = [[{"role": "assistant", "content": judged["completion"]}] for judged in batch]
    else:
        columns["prompts"] = [last_words_of_the_user(judged) for judged in batch]
        columns["completions"] = [judged["completion"] for judged in batch]
    return columns


def taken(given):
    names = HEADER["names"]
    return given if names is None else {name: given[name] for name in names if name in given}


def run(coroutine):
    """Runs a coroutine on the one event loop of this process."""
    import asyncio
    if not LOOP:
        LOOP.append(asyncio.new_event_loop())
    return LOOP[0].run_until_complete(coroutine)


def in_time(awaitable):
    """Awaits for as long as a call may take."""
    import asyncio
    return asyncio.wait_for(awaitable, HEADER["seconds"])


def awaited(value):
    """The value, or what it comes to where it must be awaited."""
    async def waiting():
        return await in_time(value)

    return run(waiting()) if hasattr(value, "__await__") else value


class Interrupted(BaseException):
    """Raised in a call at its limit."""


def interrupt(*_):
    raise Interrupted


def limit(seconds):
    """Has what runs now interrupted in so many seconds, where the interpreter can do that; 0 calls it off."""
    if CAN_INTERRUPT and not HEADER["is_async"]:
        if seconds:
            signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def within_limit(call, *arguments):
    OUT.text = ERR.text = ""
    try:
        limit(HEADER["seconds"])
        return call(*arguments)
    finally:
        limit(0)


def is_late(began):
    """True once no call may begin any more: the run's end leaves it too little time."""
    return HEADER["patience"] is not None and CLOCK() - began > HEADER["patience"]


def one_by_one(call, batch, began, may_be_late):
    """Calls for one completion after the other, until the time for beginnings is over."""
    for index, judged in enumerate(batch):
        if is_late(began) and not (may_be_late and index == 0):
            return
        try:
            answer = verdict(within_limit(call, judged))
        except BaseException as error:
            failed(index, error)
        else:
            put(index=index, **answer)


async def at_once(call, batch):
    """Awaits the calls for all completions together."""
    import asyncio

    async def one(index, judged):
        try:
            answer = verdict(await in_time(call(judged)))
        except BaseException as error:
            failed(index, error)
        else:
            put(index=index, **answer)

    await asyncio.gather(*(one(index, judged) for index, judged in enumerate(batch)))


def scores(function, batch):
    """Calls once for several completions; returns a value for each."""
    values = awaited(function(**taken(trl(batch))))
    values = values.tolist() if hasattr(values, "tolist") else values
    if not isinstance(values, (list, tuple)):
        raise TypeError(f"it must return a list of scores, not {type(values).__name__}")
    if len(values) != len(batch):
        raise ValueError(f"it returned {len(values)} scores for {len(batch)} completions")
    return values


def judge(function, batch):
    """Answers a batch; where one of its calls fails, the others are answered all the same."""
    began = CLOCK()
    if HEADER["style"] == "trl":
        values = None
        if len(batch) > 1 or HEADER["group"]:
            try:
                values = within_limit(scores, function, batch)
            except BaseException as error:
                if HEADER["group"]:
                    for index in range(len(batch)):
                        failed(index, error)
                    return
                put(loaded=True)  # a sign of life, for the limit of the next call begins now
        if values is None:
            one_by_one(lambda judged: scores(function, [judged])[0], batch, began, len(batch) == 1)
            return
        for index, value in enumerate(values):
            try:
                answer = verdict(value)
            except BaseException as error:
                failed(index, error)
            else:
                put(index=index, **answer)
        return
    given = ours if HEADER["style"] == "ours" else verl
    if HEADER["is_async"]:
        run(at_once(lambda judged: function(**taken(given(judged))), batch))
    else:
        one_by_one(lambda judged: awaited(function(**taken(given(judged)))), batch, began, True)


def main(find=None):
    """Loads the plug-in and answers batch after batch; with `find` it only says which function is the plug-in's."""
    try:
        module = load()
        if find:
            put(**find(module, HEADER))
            LEAVE(0)
        function = vars(module)[HEADER["function"]]
    except BaseException as error:
        put(refused=words(error))
        LEAVE(1)
    put(loaded=True)
    for line in QUESTIONS:
        judge(function, json.loads(line))
        put(end=True)
    LEAVE(0)  # threads that the plug-in left behind are not waited for


LOOP = []
CAN_INTERRUPT = hasattr(signal, "setitimer")
