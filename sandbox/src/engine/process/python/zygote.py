"""A warm interpreter that makes copies of itself: a candidate for each run, and a judge where there are asserts.

Their parent is the server, which watches them. Nothing that they are made for is read here: code, input and tests go straight to
the process that needs them, so nothing of one run is in the memory that the next one inherits, and no test is in the memory
that a candidate inherits. This process has one thread, always: `clone` counts on it.
"""
import gc
import math
import os
import random
import signal
import socket
import struct
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
# A birth, then what a candidate takes.
MOST_FILES = 7
MESSAGE_BYTES = 64
CONFINES, INT = struct.Struct("<4q"), struct.Struct("@i")
# Processes past the limit that the kernel still lets a candidate have, so that the server sees that it has too many.
SPARE_PROCESSES = 4
# What a candidate gives back before it tells of an error, beside the memory that is its own.
RESERVE_BYTES = 4 << 20
THREAD_STACK, MOST_THREAD_STACK = 2 << 20, 64 << 20
STACK_SIZE = threading.stack_size
# More than any version of the interpreter waits before it quickens code.
REHEARSALS = 50
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


def run_candidate(refused, confines, run, *files):
    """Becomes a candidate: puts up every layer, then waits for its job. Never returns."""
    told = run
    try:
        layers = Layers(SETTINGS["strict"])
        proc, ruleset = SETTINGS["proc"], SETTINGS["ruleset"]
        cpu_seconds, processes, file_bytes, address_space = CONFINES.unpack(confines)
        if refused:
            layers.up["namespaces"] = refused
        else:
            layers.put_up("namespaces", map_ids, proc, ID_MAPS)
        # Zeros that nobody writes take address space alone.
        RESERVE.append(bytes(RESERVE_BYTES))
        if SETTINGS["goes_first"]:
            go_first(proc)
        layers.put_up("scratch", fresh_scratch, b"%d" % file_bytes)
        layers.put_up("capabilities", drop_capabilities)
        if ruleset >= 0:
            layers.put_up("landlock", restrict_files, ruleset)
        keep_only((*files[:JOB], run, *files[JOB:]))
        told = JOB
        die_with_parent()
        limits = cpu_seconds, processes + SPARE_PROCESSES, file_bytes, address_space + RESERVE_BYTES
        layers.put_up("rlimits", set_limits, *limits)
        layers.put_up("seccomp", filter_system_calls, FILTERS)
        if layers.up == ALL_UP:
            write_all(JOB, READY)
        else:
            write_frame(JOB, {"layers": layers.up | FILTERED})
    except BaseException as error:
        try:
            write_frame(told, {"failed": f"{type(error).__name__}: {error}"})
        finally:
            os._exit(1)
    status = 1
    try:
        job = read_frame(JOB)
        # Signals to process group 0 reach past a pid namespace, so a program has a group of its own. Until now it was in its
        # worker's, with which a process that nobody came to know of is ended.
        os.setsid()
        os.close(JOB)
        gc.enable()
        random.seed()
        # The usual eight megabytes each would use up the address space before there are many threads.
        threading.stack_size(THREAD_STACK)
        threading.stack_size = modest_stack_size
        status = run_command(job) if job["mode"] == "command" else run_to_the_end(MODES[job["mode"]], job)
        if "fetch_files" in job:
            write_all(CHANNEL, fetched_files(job["fetch_files"]).encode())
    except EOFError:
        # No job will come.
        status = 0
    except (OSError, MemoryError) as error:
        RESERVE.clear()
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(status)


def out_of_time(*_):
    raise Gone("the tests used up their processor time")


def run_judge(_refused, _options, run):
    """Becomes a judge, which waits for its tests and for its way to the candidate. Never returns."""
    try:
        layers = Layers(SETTINGS["strict"])
        if SETTINGS["ruleset"] >= 0:
            layers.put_up("landlock", restrict_files, SETTINGS["ruleset"])
        # Nothing comes in, nothing is heard. The zygote's own files are not kept while it waits: by them its end is seen.
        null = os.open("/dev/null", os.O_RDWR)
        keep_only((null, null, null, run))
        run = 3
        die_with_parent()
        end = socket.socket(fileno=run)
        is_wanted, files, _, _ = socket.recv_fds(end, 1, 1)
        end.detach()
        if not is_wanted:
            os._exit(0)
        channel = files[0]
        job = read_frame(run)
        random.seed()
        limits = job["limits"]
        cpu_seconds = max(1, math.ceil(limits["cpu_seconds"]))
        # The second between the two limits is for the judge to say that time is up.
        own = cpu_seconds, 1 << 20, limits["file_bytes"], limits["memory_bytes"] + RESERVE_BYTES, 1
        layers.put_up("rlimits", set_limits, *own)
        layers.put_up("seccomp", filter_system_calls, JUDGE_FILTERS)
        gc.enable()
        signal.signal(signal.SIGXCPU, out_of_time)
        # Past the candidate's own wall clock the judge ends, whatever it is in the middle of.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, limits["wall_seconds"] + 2)
        found = judge(job, Link(channel, 4 * limits["output_bytes"] + (1 << 16)))
    except BaseException as error:
        found = {"detail": f"{type(error).__name__}: {error}"}
    try:
        write_frame(run, found)
    finally:
        os._exit(0)


def low_number(file):
    """The same file under the lowest number that is free: the server's own may be beyond those that copies close."""
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
            layers = Layers(True)
            layers.put_up("namespaces", prctl, PR_SET_PDEATHSIG, SIGKILL)
            layers.put_up("landlock", check, 0)
            CONFINES.unpack(bytes(CONFINES.size))
            write_frame(here.fileno(), job)
            assert attempt(load, read_frame(there.fileno())) == 0
            flush_own((sys.stdout,))
            flush(sys.stdout, sys.stderr)
            random.seed()
            LOADED.clear()
    sys.stdin, sys.stdout = own
    sys.modules["__main__"], sys.argv = KEPT, arguments
    linecache.cache.clear()


PARTS = {b"C": run_candidate, b"J": run_judge}


def make(part, options, files):
    """Makes a process that becomes `part`; its id, or the error's number below 0."""
    refused = None
    try:
        pid = clone(CALLS[part])
    except OSError as error:
        if part != b"C" or SETTINGS["strict"]:
            return -error.errno
        refused = os.strerror(error.errno)
        try:
            pid = clone(CALLS[b"J"])
        except OSError as error:
            return -error.errno
    if pid == 0:
        PARTS[part](refused, options, *files)
    return pid


def serve_births():
    """Makes a process for each message: one letter and its options, with a socket to tell its id to and the files that it takes."""
    receive, close, write = CONTROL.recvmsg, os.close, os.write
    room = socket.CMSG_SPACE(MOST_FILES * INT.size)
    while True:
        message, handed, _, _ = receive(MESSAGE_BYTES, room)
        if not message:
            os._exit(0)
        (_, _, numbers), = handed
        birth, *files = memoryview(numbers).cast("i")
        write(birth, INT.pack(make(message[:1], message[1:], files)))
        for file in files:
            close(file)
        close(birth)


# Numbers that a copy moves its files to, so that no file comes from one of them.
for _ in range(ARTIFACT + 1):
    if (file := os.open("/dev/null", os.O_RDWR)) > ARTIFACT:
        os.close(file)
CONTROL = socket.socket(fileno=low_number(int(sys.argv[1])))
SETTINGS = read_frame(CONTROL.fileno())
ABI = landlock_abi()
SETTINGS.update(proc=low_number(int(sys.argv[2])), ruleset=low_number(int(sys.argv[3])) if ABI else -1)
ID_MAPS = id_maps()
FILTERS, JUDGE_FILTERS = ready_filters(SETTINGS["candidate_filters"]), ready_filters(SETTINGS["judge_filters"])
CALLS = {b"C": clone_call(namespace_flags(SETTINGS["net_each_run"])), b"J": clone_call(0)}
OWN = Layers(SETTINGS["strict"])
OWN.put_up("seccomp", filter_system_calls, ready_filters(SETTINGS["zygote_filters"]))
# What a candidate inherits and cannot put up.
FILTERED = {name: error for name, error in OWN.up.items() if error}
ALL_UP = dict.fromkeys(("namespaces", "scratch", "capabilities", *(("landlock",) if SETTINGS["ruleset"] >= 0 else ()), "rlimits", "seccomp"), "")
READY = frame({"layers": ALL_UP | FILTERED})
if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)
os.environ.clear()
# Of how this interpreter was started a program has no use.
if hasattr(sys, "orig_argv"):
    sys.orig_argv[:] = [FILE]
signal.signal(signal.SIGINT, signal.default_int_handler)
for number in (signal.SIGHUP, signal.SIGALRM, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGVTALRM, signal.SIGPROF):
    signal.signal(number, end_by_signal)
rehearse()
write_frame(CONTROL.fileno(), {"landlock_abi": ABI, "version": sys.version.split()[0]})
gc.collect()
gc.disable()
gc.freeze()
serve_births()
