"""A warm interpreter that has copies of itself made: a candidate for each run, and a judge where there are asserts.

The library that it loads makes the copies and has them put up their layers; a copy runs the code here behind its
layers. This process always has one thread: the library counts on it.
"""
import ctypes
import gc
import io
import math
import os
import random
import signal
import socket
import sys
import threading

for WARM in (
    "abc array bisect cmath collections contextlib copy dataclasses datetime decimal enum fractions functools heapq inspect io itertools"
    " json math numbers operator queue random re statistics string struct textwrap threading time traceback types typing"
).split():
    try:
        __import__(WARM)
    except ImportError:
        pass

CHANNEL, JOB = 3, 4
# The file on which a judge hears from the server.
TALK = 3
# Bytes of a thread's stack: the usual eight megabytes would use up the address space before there are many threads.
THREAD_STACK, MOST_THREAD_STACK = 2 << 20, 64 << 20
STACK_SIZE = threading.stack_size
# random.seed without its check of the argument.
SEED = super(random.Random, random._inst).seed
# Bytes of one read: most jobs have fewer.
USUAL_BYTES = 1 << 16
# Runs of the rehearsal: more than any version of CPython waits before it quickens code (PEP 659).
REHEARSALS = 50
PART = ctypes.CFUNCTYPE(None)
# Processes of a judge's user: a judge makes none, but the limit counts the user's others too (setrlimit(2)).
MOST_PROCESSES = 1 << 20
# Processors that a program sees: pools have as many processes, or threads, and those are limited.
MOST_PROCESSORS = 4
KEPT = sys.modules["__main__"]


class Link:
    """Plain data as frames on a socket."""

    def __init__(self, file, most=1 << 30):
        self.file = file
        self.most = most

    def send(self, value):
        write_frame(self.file, value)

    def receive(self):
        return read_frame(self.file, self.most)


def modest_stack_size(size=0):
    """threading.stack_size up to a maximum: each stack takes its address space at once, and others need room."""
    return STACK_SIZE(min(size, MOST_THREAD_STACK) if isinstance(size, int) else size)


# The files that a system without /proc has not under these names (proc(5)).
STANDARD = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2, "/dev/fd/0": 0, "/dev/fd/1": 1, "/dev/fd/2": 2}
OPEN, OPEN_NUMBER = io.open, os.open


def standard_file(path):
    """A new number of the standard file that a path names; None for any other path. Input begins at its first byte."""
    number = STANDARD.get(os.fspath(path)) if isinstance(path, (str, os.PathLike)) else None
    if number is None:
        return None
    copy = os.dup(number)
    if number == 0:
        os.lseek(copy, 0, os.SEEK_SET)
    return copy


def open_file(file, *args, **kwargs):
    """open, by whose paths the standard files can be reached too."""
    copy = standard_file(file)
    return OPEN(file if copy is None else copy, *args, **kwargs)


def open_number(path, *args, **kwargs):
    """os.open, likewise."""
    copy = standard_file(path)
    return OPEN_NUMBER(path, *args, **kwargs) if copy is None else copy


def name_standard_files():
    builtins.open = io.open = open_file
    os.open = open_number


SET_SIGNAL = signal._signal.signal


def set_signal(number, handler, /):
    """signal.signal, after which the default action ends a program as it does any other process."""
    old = SET_SIGNAL(number, handler)
    if handler == signal.SIG_DFL:
        CONFINE.confine_end_by(number)
    return old


def fork_by_default():
    """Has `multiprocessing` fork: from Python 3.14 on it asks a server for processes, behind a socket with a name."""
    context = __import__("multiprocessing.context").context
    context._default_context._default_context = context._concrete_contexts["fork"]


def return_value(job):
    write_all(CHANNEL, call_once(job).encode())


def serve(job):
    """Answers the judge until it ends."""
    link = Link(CHANNEL)
    server = Server(load(job))
    link.send(server.names())
    while True:
        try:
            request = link.receive()
        except (EOFError, OSError):
            return
        link.send(server.reply(request))


MODES = {"program": load, "call": return_value, "serve": serve}


def read_job(file):
    """Reads a job as read_frame does, in most cases by one call."""
    data = os.read(file, USUAL_BYTES)
    if len(data) < LENGTH.size:
        data += read_exactly(file, LENGTH.size - len(data))
    missing = LENGTH.unpack_from(data)[0] + LENGTH.size - len(data)
    text = data[LENGTH.size :]
    return parsed((text + read_exactly(file, missing) if missing else text).decode())


def run_candidate():
    """Runs a candidate's job in a copy that is behind all its layers. Never returns.

    Each object that is touched here costs the copy of a page, so the zygote does once what every copy does alike.
    """
    status = 1
    try:
        job = read_job(JOB)
        os.close(JOB)
        SEED()
        code = job.get("code", "")
        # Others keep the functions that they know.
        if "/dev/" in code:
            name_standard_files()
        if sys.version_info >= (3, 14) and ("multiprocessing" in code or "concurrent" in code):
            fork_by_default()
        status = run_command(job) if job["mode"] == "command" else run_to_the_end(MODES[job["mode"]], job)
        if "fetch_files" in job:
            write_all(CHANNEL, fetched_files(job["fetch_files"]).encode())
    except (EOFError, OSError, MemoryError) as error:
        RESERVE.clear()
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(status)


def out_of_time(*_):
    raise Gone("the tests used up their processor time")


def run_judge():
    """Runs a judge in a copy: waits for its tests and its channel to the candidate. Never returns."""
    try:
        RESERVE.clear()
        end = socket.socket(fileno=TALK)
        is_wanted, files, _, _ = socket.recv_fds(end, 1, 1)
        end.detach()
        if not is_wanted:
            os._exit(0)
        channel = files[0]
        job = read_frame(TALK)
        random.seed()
        limits = job["limits"]
        cpu_seconds, address_space = max(1, math.ceil(limits["cpu_seconds"])), limits["memory_bytes"] + SETTINGS["reserve_bytes"]
        error = CONFINE.confine_judge(ZYGOTE, cpu_seconds, MOST_PROCESSES, limits["file_bytes"], address_space)
        if error:
            raise OSError(error, os.strerror(error))
        signal.signal(signal.SIGXCPU, out_of_time)
        # SIGALRM ends the judge soon after the candidate's wall clock, whatever it is in the middle of.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, limits["wall_seconds"] + 2)
        found = judge(job, Link(channel, 4 * limits["output_bytes"] + (1 << 16)))
    except BaseException as error:
        found = {"detail": f"{type(error).__name__}: {error}"}
    try:
        write_frame(TALK, found)
    finally:
        os._exit(0)


def low_number(file):
    """Moves a file to the lowest free number: a copy closes every number up to the highest."""
    low = os.dup(file)
    os.close(file)
    return low


def rehearse():
    """Does what every candidate does, as far as that changes nothing here.

    As it runs code, an interpreter writes what it learns all over its memory (quickened instructions, versions of
    types, where attributes were found). Copies of one that has learned it already write to fewer pages.
    """
    job = {"mode": "program", "code": "print(int(input()) + 1)"}
    here, there = socket.socketpair()
    source, target = os.pipe()
    os.write(target, b"1\n" * REHEARSALS)
    os.close(target)
    own, arguments, path = (sys.stdin, sys.stdout), sys.argv, sys.path[:]
    with here, there, open(source) as sys.stdin, open("/dev/null", "w") as sys.stdout:
        for _ in range(REHEARSALS):
            write_frame(here.fileno(), job)
            assert attempt(load, read_job(there.fileno())) == 0
            flush_own((sys.stdout,))
            flush(sys.stdout, sys.stderr)
            SEED()
            LOADED.clear()
    sys.stdin, sys.stdout = own
    sys.modules["__main__"], sys.argv, sys.path[:] = KEPT, arguments, path
    linecache.cache.clear()


def library(proc, file):
    """Loads the library that confines copies. The root has no /proc, so the library is reached by a file of it."""
    os.fchdir(proc)
    try:
        loaded = ctypes.PyDLL(f"self/fd/{file}")
    finally:
        os.chdir("/")
    os.close(file)
    loaded.confine_prepare.restype = ctypes.c_void_p
    loaded.confine_prepare.argtypes = ctypes.c_int, ctypes.c_int, ctypes.c_uint32
    loaded.confine_gather.argtypes = (ctypes.c_void_p,)
    loaded.confine_gather.restype = None
    loaded.confine_serve.restype = ctypes.c_bool
    loaded.confine_serve.argtypes = ctypes.c_void_p, PART, PART
    loaded.confine_end_by.argtypes = (ctypes.c_int,)
    loaded.confine_end_by.restype = None
    loaded.confine_judge.argtypes = ctypes.c_void_p, *[ctypes.c_uint64] * 4
    return loaded


# Take the numbers that a copy moves its files to, so that none of its files has one of them before.
for _ in range(ARTIFACT + 1):
    if (file := os.open("/dev/null", os.O_RDWR)) > ARTIFACT:
        os.close(file)
CONTROL, PROC = map(low_number, map(int, sys.argv[1:3]))
SETTINGS = read_frame(CONTROL)
CONFINE = library(PROC, int(sys.argv[3]))
ZYGOTE = CONFINE.confine_prepare(CONTROL, PROC, SETTINGS["options"])
if not ZYGOTE:
    # The library has said why.
    sys.exit(1)
if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)
os.environ.clear()
# Libraries of numbers start a thread for each core, and threads count; an arena for each thread takes address space.
# Both read the C library's environment, which programs do not see in os.environ.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "MALLOC_ARENA_MAX"):
    os.putenv(name, "1")
if SETTINGS["packages"]:
    sys.path.append(SETTINGS["packages"])
# Lines of text input end as they do on every system; sys.stdin.buffer has the bytes as they are.
sys.stdin.reconfigure(newline=None)
# A program has no use for how this interpreter was started.
if hasattr(sys, "orig_argv"):
    sys.orig_argv[:] = [FILE]
signal._signal.signal = set_signal
# A server that was started in the background may ignore signals, and this process inherits that (execve(2)).
for number in signal.valid_signals() - {*IGNORED}:
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
PROCESSORS = min(os.cpu_count() or 1, MOST_PROCESSORS)
for name in ("cpu_count", "process_cpu_count"):
    if hasattr(os, name):
        setattr(os, name, lambda: PROCESSORS)
threading.stack_size(THREAD_STACK)
threading.stack_size = modest_stack_size
# Without a root of its own a program has no folder to write to, or the host's.
if not os.path.isdir("/box/tmp"):
    READ_THEMSELVES = ()
# Zeros that nobody writes take address space, but no memory.
RESERVE.append(bytes(SETTINGS["reserve_bytes"]))
rehearse()
gc.collect()
gc.freeze()
CONFINE.confine_gather(ZYGOTE)
write_frame(CONTROL, None)
CANDIDATE, JUDGE = PART(run_candidate), PART(run_judge)
while CONFINE.confine_serve(ZYGOTE, CANDIDATE, JUDGE):
    pass
os._exit(0)
