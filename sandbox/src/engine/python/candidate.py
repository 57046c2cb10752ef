"""Runs a candidate's code: as a program, for one call, or serving calls to the judge.

This runs inside all layers. Whatever it holds the candidate can read and change, so it holds no expected value, and
nothing it says is believed further than "this is what the program printed or returned".
"""
import atexit
import binascii
import builtins
import linecache
import sys
import traceback
import types

FILE = "main.py"
# Frames that a traceback shows: a deep recursion has thousands, and each is looked up in the source.
LAST_FRAMES = 20
# Most characters that are shown of an error's line and of an error: the program may be one long line.
LINE_CHARACTERS, ERROR_CHARACTERS = 2000, 16000

# Imports that LeetCode puts before a solution: every public name of the first modules, and all modules by name.
STARRED = (
    "string re datetime collections heapq bisect copy math random statistics itertools functools operator typing"
).split()
NAMED = STARRED + ["io", "json", "sys"]


def given_names():
    """Names that a function may use without importing them, as on LeetCode; no builtin is replaced."""
    names = {}
    for module in STARRED:
        exec(f"from {module} import *", names)
    names.update((module, __import__(module)) for module in NAMED)
    return {name: value for name, value in names.items() if not hasattr(builtins, name)}


GIVEN = given_names()


# Holds the program's module, once there is one.
LOADED = []


def put_files(files):
    """Writes files, given as paths and bytes in base64."""
    for path, data in files.items():
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "wb") as file:
            file.write(binascii.a2b_base64(data))


def fetched_files(paths):
    """Reads those of the files that are there; returns JSON text of paths and bytes in base64."""
    found = {}
    for path in paths:
        try:
            with open(path, "rb") as file:
                found[path] = binascii.b2a_base64(file.read(), newline=False).decode()
        except OSError:
            pass
    return json.dumps(found)


def load(job):
    """Runs the candidate's code in a clean module and returns the module."""
    # Only a program runs what stands under `if __name__ == "__main__":`.
    name = "__main__" if job["mode"] == "program" else "solution"
    main = types.ModuleType(name)
    main.__dict__.update(__builtins__=builtins, __file__=FILE)
    sys.modules["__main__"] = sys.modules[name] = main
    sys.argv = [FILE]
    for line in job.get("imports", ()):
        try:
            exec(line, main.__dict__)
        except Exception:
            pass
    if job["mode"] != "program":
        # Among the builtins, so that only names that the program defines itself can be called from outside.
        vars(builtins).update(GIVEN)
    code = job["code"].removeprefix("\ufeff")
    LOADED.append(main)
    put_files(job.get("files", {}))
    linecache.cache[FILE] = (len(code), None, code.splitlines(True), FILE)
    exec(compile(code, FILE, "exec", dont_inherit=True), main.__dict__)
    return main


def entry(main, name):
    """Finds the function called `name`, or the method of that name in a class `Solution`."""
    if name in main.__dict__:
        return main.__dict__[name]
    solution = main.__dict__.get("Solution")
    if solution is not None and hasattr(solution, name):
        return getattr(solution(), name)
    raise NameError(f"name '{name}' is not defined")


def call_once(job):
    """Calls the function once; returns JSON text of the value as data.

    A tuple that is returned by itself becomes a list, one inside another value does not.
    """
    function = entry(load(job), job["entry_point"])
    value = function(*job["args"])
    if isinstance(value, tuple):
        value = list(tuple.__iter__(value))
    data = encode(value, lambda other: {"t": "object", "v": type(other).__name__})
    return json.dumps(data, ensure_ascii=True)


class Server:
    """Answers the judge's requests about the candidate's names and objects."""

    def __init__(self, main):
        self.main = main
        self.objects = []
        self.ids = {}

    def refer(self, value):
        key = id(value)
        if key not in self.ids:
            self.ids[key] = len(self.objects)
            self.objects.append(value)
        return {"t": "ref", "v": self.ids[key]}

    def resolve(self, tag, data):
        if tag == "ref":
            return self.objects[data]
        return entry(self.main, data)

    def answer(self, request):
        target = decode(request["target"], self.resolve)
        arguments = decode(request.get("args", []), self.resolve)
        if request["op"] == "call":
            keywords = {name: decode(item, self.resolve) for name, item in request.get("kwargs", {}).items()}
            before = request.get("args", [])
            value = target(*arguments, **keywords)
            reply = {"ok": encode(value, self.refer)}
            after = encode(arguments, self.refer)
            if after != before:
                reply["args"] = after
            return reply
        operation = getattr(self, "op_" + request["op"])
        return {"ok": encode(operation(target, *arguments), self.refer)}

    op_get = staticmethod(lambda target, name: getattr(target, name))
    op_set = staticmethod(lambda target, name, value: setattr(target, name, value))
    op_item = staticmethod(lambda target, key: target[key])
    op_iter = staticmethod(lambda target: iter(target))
    op_next = staticmethod(lambda target: next(target))
    op_len = staticmethod(lambda target: len(target))
    op_bool = staticmethod(lambda target: bool(target))
    op_str = staticmethod(lambda target: str(target))
    op_repr = staticmethod(lambda target: repr(target))

    def names(self):
        return {"names": [name for name in self.main.__dict__ if isinstance(name, str)]}

    def reply(self, request):
        """The answer to a request, or what it raised."""
        try:
            return self.answer(request)
        except BaseException as error:
            kinds = [kind.__name__ for kind in type(error).__mro__]
            try:
                message = str(error)[:2000]
            except BaseException:
                message = ""
            return {"error": kinds, "message": message}


def own_part(trace):
    """The traceback from the candidate's first frame on."""
    while trace is not None and trace.tb_frame.f_code.co_filename != FILE:
        trace = trace.tb_next
    return trace


def finish():
    threads = sys.modules.get("threading")
    # With one thread, and nothing to do at the end of threads, there is nobody to wait for.
    if threads and (len(threads._active) > 1 or getattr(threads, "_threading_atexits", True)):
        threads._shutdown()
    atexit._run_exitfuncs()


def flush(*files):
    for file in files:
        if file is not None and not getattr(file, "closed", False):
            file.flush()


def flush_own(files):
    """Writes what the interpreter's own files still hold, if a program has not closed them or taken them apart."""
    for file in files:
        try:
            file.flush()
        except Exception:
            pass


# Memory that is given back before an error is reported, which takes memory too; filled where address space is limited.
RESERVE = []


def shown(error):
    """The traceback of a program's error: its long lines are cut, and of a long text the end is kept."""
    parts = traceback.format_exception(type(error), error, own_part(error.__traceback__), limit=-LAST_FRAMES)
    lines = [line[:LINE_CHARACTERS] for line in "".join(parts).splitlines()]
    return "\n".join(lines)[-ERROR_CHARACTERS:] + "\n"


def attempt(task, *arguments):
    """Runs `task` and returns the exit status that a program of its own would have had."""
    status = 0
    try:
        task(*arguments)
    except SystemExit as stop:
        if isinstance(stop.code, int):
            status = int.__and__(stop.code, 0xFF)
        elif stop.code is not None:
            print(stop.code, file=sys.stderr)
            status = 1
    except BaseException as error:
        status = 1
        RESERVE.clear()
        try:
            sys.stderr.write(shown(error))
        except BaseException:
            os.write(2, type(error).__name__.encode() + b"\n")
    return status


def run_to_the_end(task, *arguments):
    """Runs `task` and what a program does at its exit; returns its exit status."""
    own = sys.stdout, sys.stderr
    status = attempt(task, *arguments)
    try:
        finish()
        # A program may have put other files in their place; each may hold what was printed.
        flush_own(own)
        flush(sys.stdout, sys.stderr)
        # Open files write what they hold, and objects run their `__del__`, as when an interpreter ends.
        for main in LOADED:
            main.__dict__.clear()
        flush_own(own)
    except BaseException:
        status = status or 1
    return status
