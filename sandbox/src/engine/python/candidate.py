"""Runs a candidate's code: as a program, for one call, or serving calls to the judge.

This runs inside all layers. Whatever it holds the candidate can read and change, so it holds no expected value, and
nothing it says is believed further than "this is what the program printed or returned".
"""
import atexit
import binascii
import builtins
import gc
import linecache
import sys
import traceback
import types
from weakref import ref

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


# Holds the program's module and its text, once there is one.
LOADED = []
COLLECT = gc.collect
# Words of programs whose objects may do something as they end: in others the collector has nothing to find.
LAST_WORDS = "__del__", "yield", "async", "weakref", "open"
# Words of programs that look for their own source: children that do not come of a fork read it.
READ_THEMSELVES = "__file__", "argv", "multiprocessing", "concurrent"


def put_files(files):
    """Writes files, given as paths and bytes in base64."""
    for path, data in files.items():
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "wb") as file:
            file.write(binascii.a2b_base64(data))


def put_source(code):
    """Writes the program's own file, where there is a folder to write to."""
    try:
        with open(FILE, "w", encoding="utf-8", errors="surrogatepass", newline="") as file:
            file.write(code)
    except OSError:
        pass


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
    # Only a program runs what stands under `if __name__ == "__main__":`, and imports modules from its own folder.
    name = "__main__" if job["mode"] == "program" else "solution"
    if job["mode"] == "program":
        sys.path.insert(0, os.getcwd())
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
    LOADED.append((main, code))
    if any(word in code for word in READ_THEMSELVES):
        put_source(code)
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


def finished(coroutine, loop=None):
    """What a coroutine returns, once it has run to its end in an event loop: its own, or the one that is given."""
    asyncio = __import__("asyncio")

    async def result():
        return await coroutine

    return loop.run_until_complete(result()) if loop else asyncio.run(result())


def of_numpy(value):
    """A number or an array of numpy's as Python's own; anything else, and what numpy alone has, as it is."""
    plain = value.tolist() if type(value).__module__ == "numpy" and hasattr(type(value), "tolist") else value
    return plain if type(plain).__module__ == "builtins" else value


def by_value(value):
    """JSON data of what is no plain data: members of enumerations and numpy's values by what they stand for."""
    plain = value.value if "enum" in sys.modules and isinstance(value, sys.modules["enum"].Enum) else of_numpy(value)
    return {"t": "object", "v": type(value).__name__} if plain is value else encode(plain, by_value)


def call_once(job):
    """Calls the function once, and awaits it where it is a coroutine function; returns the value as JSON text."""
    function = entry(load(job), job["entry_point"])
    value = function(*job["args"])
    if isinstance(value, types.CoroutineType):
        value = finished(value)
    return json.dumps(encode(value, by_value), ensure_ascii=True)


# Builtin types that cross by name, by their id: a metaclass may say that its types equal these. Functions do not cross:
# the judge would call its own in the place of the candidate's.
PLAIN_TYPES = {id(kind): kind.__name__ for kind in (
    bool, bytearray, bytes, complex, dict, float, frozenset, int, list, object, range, set, slice, str, tuple,
    *(kind for kind in vars(builtins).values() if isinstance(kind, type) and issubclass(kind, BaseException)),
)}
# Seconds for which coroutines go on between two questions.
MOMENT = 0.01


class Server:
    """Answers the judge's requests about the candidate's names and objects."""

    def __init__(self, main):
        self.main = main
        self.shared = Shared(-1, self.refer, self.resolve)
        self.loop = None
        # Coroutines that the judge waits for, by their id.
        self.tasks = {}

    def refer(self, value):
        """Data of what is no plain data: it stays here. Of an exception the judge makes one of its own."""
        if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
            plain = of_numpy(value)
            if plain is not value:
                return self.shared.encode(plain)
        if isinstance(value, type):
            if id(value) in PLAIN_TYPES:
                return ["builtin", 0, PLAIN_TYPES[id(value)]]
            if issubclass(value, BaseException):
                bases = [self.shared.encode(base) for base in value.__bases__ if issubclass(base, BaseException)]
                return ["error type", self.shared.add(value), [value.__module__, value.__name__, bases]]
        if isinstance(value, BaseException):
            return self.error(value)
        kind = "coroutine" if isinstance(value, types.CoroutineType) else "object"
        return [kind, self.shared.add(value), None]

    def error(self, value):
        number, encode = self.shared.add(value), self.shared.encode
        kind, arguments = encode(type(value)), [encode(item) for item in value.args]
        state = [[name, encode(item)] for name, item in vars(value).items() if isinstance(name, str)]
        return ["error", number, [kind, arguments, state, encode(value.__cause__), message(value)]]

    def resolve(self, tag, number, content):
        if tag == "name":
            return entry(self.main, content)
        if tag == "builtin":
            return self.shared.hold(getattr(builtins, content), number)
        if tag == "error":
            kind, arguments = content
            return self.shared.hold(self.shared.decode(kind)(*map(self.shared.decode, arguments)), number)
        raise ValueError(tag)

    def names(self):
        """The names that the module has. Functions and classes come with what they stand for, the rest is asked for."""
        names = {}
        for name, value in list(self.main.__dict__.items()):
            if isinstance(name, str):
                is_code = isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType))
                names[name] = self.shared.encode(value) if is_code else None
        return {"names": names}

    def answer(self, request):
        decode = self.shared.decode
        self.shared.take(request["changed"])
        target = decode(request["target"])
        arguments = [decode(item) for item in request["args"]]
        keywords = {name: decode(item) for name, item in request["kwargs"].items()}
        for number in request["forgotten"]:
            self.shared.drop(number)
        value = getattr(self, "op_" + request["op"])(target, *arguments, **keywords)
        if request["awaits"] and isinstance(value, types.CoroutineType):
            value = finished(value, self.event_loop())
        return value

    def event_loop(self):
        self.loop = self.loop or __import__("asyncio").new_event_loop()
        return self.loop

    op_call = staticmethod(lambda target, /, *args, **kwargs: target(*args, **kwargs))
    op_value = staticmethod(lambda target: target)
    op_get = staticmethod(lambda target, name: getattr(target, name))
    op_set = staticmethod(lambda target, name, value: setattr(target, name, value))
    op_item = staticmethod(lambda target, key: target[key])
    op_iter = staticmethod(lambda target: iter(target))
    op_next = staticmethod(lambda target: next(target))
    op_len = staticmethod(lambda target: len(target))
    op_bool = staticmethod(lambda target: bool(target))
    op_str = staticmethod(lambda target: str(target))
    op_repr = staticmethod(lambda target: repr(target))
    op_aiter = staticmethod(lambda target: target.__aiter__())
    op_anext = staticmethod(lambda target: target.__anext__())

    def op_await(self, target):
        """Goes on with everything that the judge waits for. Returns a pair: True once `target` has ended, its value."""
        loop, asyncio = self.event_loop(), __import__("asyncio")

        async def result():
            return await target

        async def go_on():
            await asyncio.wait([task], timeout=MOMENT)

        task = self.tasks[id(target)] = self.tasks.get(id(target)) or loop.create_task(result())
        loop.run_until_complete(go_on())
        return (True, self.tasks.pop(id(target)).result()) if task.done() else (False, None)

    def op_cancel(self, target):
        if id(target) in self.tasks:
            self.tasks.pop(id(target)).cancel()

    def reply(self, request):
        """The answer to a request, or what it raised."""
        try:
            value = self.answer(request)
            return self.shared.message(lambda: {"ok": self.shared.encode(value)})
        except BaseException as error:
            return self.raised(error)

    def raised(self, error):
        try:
            return self.shared.message(lambda: {"error": self.shared.encode(error)})
        except BaseException:
            # It cannot be told as it is: no more than its name and its message cross.
            told = f"{type(error).__name__}: {message(error)}"
            content = [["builtin", 0, "RuntimeError"], [told], [], None, told]
            return {"changed": [], "error": ["error", self.shared.add(error), content]}


def message(error):
    """An exception's text, as far as it has one."""
    try:
        return str.__str__(str(error)[:2000])
    except BaseException:
        return ""


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


def exit_status(stop):
    """The status of a program that raised SystemExit."""
    if isinstance(stop.code, int):
        return int.__and__(stop.code, 0xFF)
    if stop.code is None:
        return 0
    print(stop.code, file=sys.stderr)
    return 1


def report(error):
    """Shows a program's error, by the program's own hook where it has one; returns the exit status."""
    try:
        if sys.excepthook is sys.__excepthook__:
            sys.stderr.write(shown(error))
        else:
            error.__traceback__ = own_part(error.__traceback__)
            sys.excepthook(type(error), error, error.__traceback__)
    except SystemExit as stop:
        return exit_status(stop)
    except BaseException:
        os.write(2, type(error).__name__.encode() + b"\n")
    return 1


def attempt(task, *arguments):
    """Runs `task` and returns the exit status that a program of its own would have had."""
    try:
        task(*arguments)
    except SystemExit as stop:
        return exit_status(stop)
    except BaseException as error:
        RESERVE.clear()
        return report(error)
    return 0


def end_objects():
    """Has the program's objects end as when an interpreter ends: each while all names of the module are still there."""
    if not LOADED:
        return
    main, code = LOADED.pop()
    if not any(word in code for word in LAST_WORDS):
        main.__dict__.clear()
        return
    # The collector puts what holds other objects before them, so that a text file ends before its buffer.
    COLLECT()
    # A module that its names hold too is gone when they are.
    main.__dict__[None] = main
    left = ref(main)
    for name in ("__main__", "solution"):
        sys.modules.pop(name, None)
    del main
    COLLECT()
    # What does not end with the program, such as the handler of a signal, may hold the names still.
    if main := left():
        main.__dict__.clear()


def run_to_the_end(task, *arguments):
    """Runs `task` and what a program does at its exit; returns its exit status."""
    own = sys.stdout, sys.stderr
    status = attempt(task, *arguments)
    try:
        finish()
        # A program may have put other files in their place; each may hold what was printed.
        flush_own(own)
        flush(sys.stdout, sys.stderr)
        # Open files write what they hold, and objects run their `__del__`.
        end_objects()
        flush_own(own)
    except BaseException:
        status = status or 1
    return status
