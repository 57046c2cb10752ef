"""A warm interpreter that has copies of itself made: a candidate for each run, and a judge where there are asserts.

The library that it loads makes them and has them put up their layers; the code here that a copy runs, it runs behind those. This
process has one thread, always: the library counts on it.
"""
import ctypes
import gc
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
# Where a judge hears from the server.
TALK = 3
# The usual eight megabytes each would use up the address space before there are many threads.
THREAD_STACK, MOST_THREAD_STACK = 2 << 20, 64 << 20
STACK_SIZE = threading.stack_size
# As random.seed, without its look at what it is given.
SEED = super(random.Random, random._inst).seed
# Most jobs have fewer.
USUAL_BYTES = 1 << 16
# More than any version of the interpreter waits before it quickens code.
REHEARSALS = 50
PART = ctypes.CFUNCTYPE(None)
# A judge makes none, and its user's others count.
MOST_PROCESSES = 1 << 20
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
    """threading.stack_size, which takes the address space of each thread's stack at once: at most what leaves room for others."""
    return STACK_SIZE(min(size, MOST_THREAD_STACK) if isinstance(size, int) else size)


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
    """As read_frame, by one call in most cases."""
    data = os.read(file, USUAL_BYTES)
    if len(data) < LENGTH.size:
        data += read_exactly(file, LENGTH.size - len(data))
    missing = LENGTH.unpack_from(data)[0] + LENGTH.size - len(data)
    text = data[LENGTH.size :]
    return parsed((text + read_exactly(file, missing) if missing else text).decode())


def run_candidate():
    """What a copy does behind all its layers, once its job is there. Never returns.

    Each object that is touched here is a page that is copied first; what every copy does alike, the zygote does once.
    """
    status = 1
    try:
        job = read_job(JOB)
        os.close(JOB)
        SEED()
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
    """What a copy does as a judge: waits for its tests and for its way to the candidate. Never returns."""
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
        # Past the candidate's own wall clock the judge ends, whatever it is in the middle of.
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
    """The same file under the lowest number that is free: a copy closes every number up to the highest."""
    low = os.dup(file)
    os.close(file)
    return low


def end_by_signal(number, _frame):
    """Ends a process as a signal does that it has made nothing ready for: the kernel keeps those from process 1 of a pid namespace."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)


def rehearse():
    """Does what every candidate does, as far as that changes nothing here.

    What an interpreter learns of code as it runs (quickened instructions, versions of types, where attributes were found)
    it writes all over its memory. The copy of one that has learned it writes to fewer pages.
    """
    job = {"mode": "program", "code": "print(int(input()) + 1)"}
    here, there = socket.socketpair()
    source, target = os.pipe()
    os.write(target, b"1\n" * REHEARSALS)
    os.close(target)
    own, arguments = (sys.stdin, sys.stdout), sys.argv
    with here, there, open(source) as sys.stdin, open("/dev/null", "w") as sys.stdout:
        for _ in range(REHEARSALS):
            write_frame(here.fileno(), job)
            assert attempt(load, read_job(there.fileno())) == 0
            flush_own((sys.stdout,))
            flush(sys.stdout, sys.stderr)
            SEED()
            LOADED.clear()
    sys.stdin, sys.stdout = own
    sys.modules["__main__"], sys.argv = KEPT, arguments
    linecache.cache.clear()


def library(proc, file):
    """The library that confines copies. There is no /proc here but by a file."""
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
    loaded.confine_judge.argtypes = ctypes.c_void_p, *[ctypes.c_uint64] * 4
    return loaded


# Numbers that a copy moves its files to, so that no file comes from one of them.
for _ in range(ARTIFACT + 1):
    if (file := os.open("/dev/null", os.O_RDWR)) > ARTIFACT:
        os.close(file)
CONTROL, PROC = map(low_number, map(int, sys.argv[1:3]))
SETTINGS = read_frame(CONTROL)
CONFINE = library(PROC, int(sys.argv[3]))
ZYGOTE = CONFINE.confine_prepare(CONTROL, PROC, SETTINGS["options"])
if not ZYGOTE:
    # It has said why.
    sys.exit(1)
if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)
os.environ.clear()
# Of how this interpreter was started a program has no use.
if hasattr(sys, "orig_argv"):
    sys.orig_argv[:] = [FILE]
signal.signal(signal.SIGINT, signal.default_int_handler)
for number in (signal.SIGHUP, signal.SIGALRM, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGVTALRM, signal.SIGPROF):
    signal.signal(number, end_by_signal)
threading.stack_size(THREAD_STACK)
threading.stack_size = modest_stack_size
# Zeros that nobody writes take address space alone.
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
