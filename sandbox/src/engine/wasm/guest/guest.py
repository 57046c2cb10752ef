"""The world's exports, and what the snapshot holds: an interpreter with its library loaded.

All that runs at import runs once, when the component is made. What is left of the standard library then is kept as code
and imported from memory, for its files are not there later.
"""
import asyncio
import gc
import importlib.abc
import importlib.util
import io
import marshal
import operator
import random
import select
import selectors
import time

import wit_world
from componentize_py_types import Err
from wit_world import Ending

LIBRARY = "/python"
SELECT = select.select
READY = (
    "abc argparse array ast asyncio base64 binascii bisect calendar cmath collections collections.abc colorsys contextlib"
    " contextvars copy copyreg csv dataclasses datetime decimal difflib dis enum fnmatch fractions functools graphlib"
    " hashlib heapq hmac html inspect io ipaddress itertools json keyword linecache locale logging math numbers operator"
    " os pathlib pickle platform pprint queue random re reprlib secrets select selectors shlex shutil signal stat"
    " statistics string struct sys tempfile textwrap threading time timeit token tokenize traceback types typing"
    " unicodedata unittest urllib.parse uuid warnings weakref zlib zoneinfo"
).split()
LEFT_OUT = {
    "site-packages", "config-3.14-wasm32-wasi", "__pycache__", "test", "ctypes", "curses", "ensurepip", "idlelib",
    "tkinter", "turtledemo", "turtle", "venv", "lib2to3", "antigravity", "__phello__",
}


class Library(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports modules from compiled code."""

    def __init__(self):
        self.code = {}

    def read(self, folder, prefix=""):
        for entry in sorted(os.listdir(folder)):
            path = f"{folder}/{entry}"
            name = entry.removesuffix(".py")
            if name in LEFT_OUT:
                continue
            if os.path.isdir(path):
                if os.path.exists(f"{path}/__init__.py"):
                    self.add(prefix + name, f"{path}/__init__.py", True)
                    self.read(path, f"{prefix}{name}.")
            elif entry.endswith(".py") and name != "__init__":
                self.add(prefix + name, path, False)

    def add(self, name, path, is_package):
        if name in sys.modules:
            return
        with open(path, "rb") as file:
            source = file.read()
        shown = path.removeprefix(LIBRARY + "/")
        self.code[name] = is_package, marshal.dumps(compile(source, shown, "exec", dont_inherit=True, optimize=1))

    def find_spec(self, name, path=None, target=None):
        if name not in self.code:
            return None
        return importlib.util.spec_from_loader(name, self, is_package=self.code[name][0])

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(marshal.loads(self.code[module.__name__][1]), module.__dict__)


class Link:
    """Plain data by way of the host, which passes it to the candidate's instance and back."""

    def __init__(self, most):
        self.most = most
        self.waiting = ""

    def send(self, value):
        self.waiting = compact(value)

    def receive(self):
        answer = wit_world.ask(self.waiting)
        if answer is None:
            raise EOFError
        if len(answer) > self.most:
            raise ValueError("a value is larger than the output limit")
        return json.loads(answer)


class WitWorld(wit_world.WitWorld):
    server = None

    def run(self, job):
        job = begin(job)
        returned = []
        if job["mode"] == "program":
            status = run_to_the_end(load, job)
            if "fetch_files" in job:
                returned.append(fetched_files(job["fetch_files"]))
        else:
            status = run_to_the_end(lambda: returned.append(call_once(job)))
        return Ending(status, returned[0] if returned else None)

    def load(self, job):
        job = begin(job)
        kept = []
        status = attempt(lambda: kept.append(Server(load(job))))
        if not kept:
            flush_all()
            raise Err(status)
        WitWorld.server = kept[0]
        return compact(kept[0].names())

    def answer(self, request):
        return compact(WitWorld.server.reply(json.loads(request)))

    def judge(self, job):
        job = json.loads(job)
        try:
            found = judge(job, Link(4 * job["limits"]["output_bytes"] + (1 << 16)))
        except BaseException as error:
            found = {"detail": f"{type(error).__name__}: {error}"}
        return json.dumps(found)


def begin(job):
    """The job, in an interpreter whose random numbers are those of no other run."""
    random.seed()
    return json.loads(job)


def flush_all():
    try:
        flush(sys.stdout, sys.stderr)
    except BaseException:
        pass


def leave(status):
    """Ends the program at once, as os._exit does."""
    wit_world.leave(operator.index(status) & 0xFF)


def wait(timeout):
    """Sleeps for so many seconds; for ever with None."""
    while timeout is None:
        time.sleep(3600)
    time.sleep(max(timeout, 0))


def patient_select(readers, writers, others, timeout=None):
    """select.select, which ends the interpreter where it waits for no file."""
    if readers or writers or others:
        return SELECT(readers, writers, others, timeout)
    wait(timeout)
    return [], [], []


class IdleSelector(selectors.SelectSelector):
    """Waits for time alone where there is no file to wait for."""

    def select(self, timeout=None):
        if self.get_map():
            return super().select(timeout)
        wait(timeout)
        return []


class EventLoop(without_sockets(asyncio)):
    def __init__(self):
        super().__init__(IdleSelector())


def standard_file(number, mode, name, **options):
    raw = io.FileIO(number, mode, closefd=False)
    raw.name = name
    buffer = io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw)
    text = io.TextIOWrapper(buffer, encoding="utf-8", **options)
    text.mode = mode
    return text


def open_standard_files():
    sys.stdin = sys.__stdin__ = standard_file(0, "r", "<stdin>", errors="strict")
    sys.stdout = sys.__stdout__ = standard_file(1, "w", "<stdout>", errors="strict")
    sys.stderr = sys.__stderr__ = standard_file(2, "w", "<stderr>", errors="backslashreplace", write_through=True)


def freeze():
    """Makes what the snapshot holds ready and independent of files."""
    for name in READY:
        __import__(name)
    library = Library()
    library.read(LIBRARY)
    # Files come last, for a program that writes a module and adds its folder to the path.
    sys.meta_path.insert([finder.__name__ for finder in sys.meta_path].index("PathFinder"), library)
    sys.path[:] = []
    sys.path_importer_cache.clear()
    sys.set_int_max_str_digits(0)
    os.environ.clear()
    os._exit = leave
    select.select = patient_select
    # Programs take it for a number beyond all others, and their tests were made where it is this one.
    sys.maxsize = 2**63 - 1
    asyncio.events._event_loop_policy = policy_of(asyncio, EventLoop)
    open_standard_files()
    gc.collect()
    gc.freeze()


freeze()
