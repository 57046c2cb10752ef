"""A warm interpreter that forks: a supervisor with a candidate for each run, and a judge where there are asserts.

It never reads what it forks for: code, input and tests go straight to the process that needs them, so nothing of one run
is in the memory that the next one inherits, and no test is in the memory that a candidate inherits.
"""
import gc
import os
import select
import signal
import socket
import sys
import threading
import time

for WARM in (
    "abc array base64 bisect calendar cmath collections contextlib copy dataclasses datetime decimal enum fractions functools hashlib"
    " heapq inspect io itertools json math numbers operator pprint queue random re statistics string struct textwrap threading time"
    " traceback types typing uuid"
).split():
    try:
        __import__(WARM)
    except ImportError:
        pass

TICK = 0.05
CHANNEL = 3
# Processes past the limit that the kernel still lets a candidate have, so that the supervisor sees that it has too many.
SPARE_PROCESSES = 4
THREAD_STACK = 2 << 20
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


def candidate_main(job, files, ready, channel, artifact, layers):
    """Becomes the candidate; never returns."""
    status = 1
    try:
        # Signals to process group 0 reach past a pid namespace, so the candidate has a group of its own.
        os.setsid()
        limits = job["limits"]
        # Zeros that nobody writes take address space alone.
        RESERVE.append(bytes(RESERVE_BYTES))
        pairs = [(files[0], 0), (files[1], 1), (files[2], 2), (channel, 3), (ready, 4)]
        if artifact is not None:
            pairs.append((artifact, ARTIFACT))
        if SETTINGS["goes_first"]:
            go_first(SETTINGS["proc"])
        layers.put_up("scratch", lambda: fresh_scratch(limits["file_bytes"]))
        layers.put_up("capabilities", drop_capabilities)
        ruleset = SETTINGS["ruleset"]
        if ruleset >= 0:
            layers.put_up("landlock", lambda: restrict_files(ruleset))
        keep_only(pairs)
        die_with_parent()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        most = limits["processes"] + 1 + SPARE_PROCESSES
        layers.put_up("rlimits", lambda: set_limits(limits, most, address_space=job.get("address_space", True)))
        layers.put_up("seccomp", lambda: filter_system_calls(SETTINGS["filters"]))
        write_all(4, json.dumps(layers.up).encode())
        os.close(4)
    except BaseException as error:
        try:
            os.write(ready, b"!" + str(error).encode())
        finally:
            os._exit(1)
    try:
        gc.enable()
        # The usual eight megabytes each would use up the address space before there are many threads.
        threading.stack_size(THREAD_STACK)
        status = run_command(job) if job["mode"] == "command" else run_to_the_end(MODES[job["mode"]], job)
    except OSError as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(status)


def read_proc(directory, path):
    with open(os.open(path, os.O_RDONLY, dir_fd=directory)) as file:
        return file.read()


def tree(proc, pid):
    """`pid` and the processes under it, and the number of their threads."""
    found, waiting, threads = [], [pid], 0
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        try:
            tasks = os.open(f"{pid}/task", os.O_RDONLY, dir_fd=proc)
        except OSError:
            continue
        try:
            for task in os.listdir(tasks):
                threads += 1
                waiting.extend(map(int, read_proc(tasks, task + "/children").split()))
        except OSError:
            pass
        finally:
            os.close(tasks)
    return found, threads


def rough_memory(proc, pid):
    """Bytes of a process's own pages; those shared with a parent since a fork count for both."""
    fields = read_proc(proc, f"{pid}/statm").split()
    return (int(fields[1]) - int(fields[2])) * 4096


def exact_memory(proc, pid):
    """Bytes of a process, pages that several hold shared out between them; slow."""
    for line in read_proc(proc, f"{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise OSError("no Pss")


def excess(proc, pid, limits):
    """Which limit the processes under `pid` are past together, or None."""
    processes, threads = tree(proc, pid)
    if threads > limits["processes"]:
        return "process_limit"
    for measure in (rough_memory, exact_memory):
        total = 0
        for process in processes:
            try:
                total += measure(proc, process)
            except (OSError, ValueError, IndexError):
                continue
        if total <= limits["memory_bytes"]:
            return None
    return "memory_limit"


class Supervisor:
    """Watches one candidate: drains its output, enforces wall clock, output, memory and processes."""

    def __init__(self, job, pid, pipes):
        self.limits = job["limits"]
        self.pid = pid
        self.pipes = pipes
        self.data = {file: [] for file in pipes}
        self.room = self.limits["output_bytes"]
        self.ended = None

    def kill(self, why):
        if self.ended is None:
            self.ended = why
        os.kill(self.pid, signal.SIGKILL)

    def drain(self, file):
        """Takes what is there; False at the end of the file."""
        try:
            part = os.read(file, 1 << 16)
        except BlockingIOError:
            return True
        if not part:
            return False
        if self.room < len(part) and self.ended is None:
            self.kill("output_limit")
        self.data[file].append(part[:max(0, self.room)])
        self.room -= len(part)
        return True

    def watch(self):
        began = time.monotonic()
        deadline = began + self.limits["wall_seconds"]
        watched = os.pidfd_open(self.pid)
        poll = select.poll()
        poll.register(watched, select.POLLIN)
        for file in self.pipes:
            os.set_blocking(file, False)
            poll.register(file, select.POLLIN)
        running = True
        weighed = began
        while running:
            left = deadline - time.monotonic()
            if left <= 0:
                self.kill("wall_limit")
                break
            for file, _ in poll.poll(min(left, TICK) * 1000):
                if file == watched:
                    running = False
                elif not self.drain(file):
                    poll.unregister(file)
            if running and time.monotonic() - weighed > TICK:
                weighed = time.monotonic()
                if why := excess(SETTINGS["proc"], self.pid, self.limits):
                    self.kill(why)
        _, status, usage = os.wait4(self.pid, 0)
        seconds = time.monotonic() - began
        for file in self.pipes:
            while self.drain(file):
                pass
        code = os.waitstatus_to_exitcode(status)
        return {
            "end": self.ended or ("exited" if code >= 0 else "signaled"), "code": abs(code), "seconds": seconds,
            "cpu_seconds": usage.ru_utime + usage.ru_stime, "peak_bytes": usage.ru_maxrss * 1024,
        }


def sealed_stdin(text):
    """A file with `text` in it that its reader cannot change or grow."""
    file = os.memfd_create("stdin", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    write_all(file, text.encode("utf-8", "surrogatepass"))
    os.lseek(file, 0, os.SEEK_SET)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
    return file


def supervise(run, channel, artifact):
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    layers = Layers(SETTINGS["strict"])
    job = read_frame(run)
    layers.put_up("namespaces", lambda: new_namespaces(SETTINGS["proc"]))
    die_with_parent()
    stdin = sealed_stdin(job.pop("stdin", ""))
    out, err, ready = os.pipe(), os.pipe(), os.pipe()
    result = os.pipe() if channel is None else None
    pid = os.fork()
    if pid == 0:
        channel = channel if result is None else result[1]
        candidate_main(job, (stdin, out[1], err[1]), ready[1], channel, artifact, layers)
    for file in (stdin, out[1], err[1], ready[1], channel if result is None else result[1]):
        os.close(file)
    said = b""
    while part := os.read(ready[0], 4096):
        said += part
    pipes = [out[0], err[0]] + ([result[0]] if result else [])
    if not said or said.startswith(b"!"):
        os.waitpid(pid, 0)
        write_frame(run, {"end": "setup_failed", "detail": said[1:].decode(errors="replace") or "killed while it was set up"})
        return
    supervisor = Supervisor(job, pid, pipes)
    report = supervisor.watch()
    bodies = [b"".join(supervisor.data[file]) for file in pipes]
    report["sizes"] = [len(body) for body in bodies]
    report["layers"] = json.loads(said)
    write_frame(run, report)
    for body in bodies:
        write_all(run, body)


def out_of_time(*_):
    raise Gone("the tests used up their processor time")


def run_judge(run, channel):
    die_with_parent()
    null = os.open("/dev/null", os.O_RDWR)
    job = read_frame(run)
    layers = Layers(SETTINGS["strict"])
    ruleset = SETTINGS["ruleset"]
    if ruleset >= 0:
        layers.put_up("landlock", lambda: restrict_files(ruleset))
    keep_only([(null, 0), (null, 1), (null, 2), (run, 3), (channel, 4)])
    layers.put_up("rlimits", lambda: set_limits(job["limits"], 1 << 20, spare=1))
    layers.put_up("seccomp", lambda: filter_system_calls(SETTINGS["judge_filters"]))
    gc.enable()
    try:
        signal.signal(signal.SIGXCPU, out_of_time)
        # Past the candidate's own wall clock the judge ends, whatever it is in the middle of.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, job["limits"]["wall_seconds"] + 2)
        found = judge(job, Link(4, 4 * job["limits"]["output_bytes"] + (1 << 16)))
    except BaseException as error:
        found = {"detail": f"{type(error).__name__}: {error}"}
    write_frame(3, found)


def forked(task, files, others=()):
    """Runs `task` in a child that ends with it and holds none of the other files."""
    if os.fork() == 0:
        try:
            CONTROL.close()
            for file in others:
                os.close(file)
            task(*files)
        except BaseException as error:
            try:
                write_frame(files[0], {"end": "setup_failed", "detail": f"{type(error).__name__}: {error}"})
            except BaseException:
                pass
        finally:
            os._exit(0)


def serve_forks():
    while True:
        kind, files, _, _ = socket.recv_fds(CONTROL, 1, 4)
        if not kind:
            os._exit(0)
        if kind == b"P":
            forked(supervise, (files[0], None, files[1] if len(files) > 1 else None))
        else:
            forked(supervise, (*files[:2], None), files[2:])
            forked(run_judge, files[2:], files[:2])
        for file in files:
            os.close(file)


CONTROL = socket.socket(fileno=int(sys.argv[1]))
SETTINGS = read_frame(CONTROL.fileno())
SETTINGS.update(
    proc=int(sys.argv[2]), ruleset=int(sys.argv[3]) if SETTINGS["confined"] and landlock_abi() else -1,
    filters=[bytes.fromhex(text) for text in SETTINGS["filters"]],
    judge_filters=[bytes.fromhex(text) for text in SETTINGS["judge_filters"]],
)
if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)
os.environ.clear()
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
write_frame(CONTROL.fileno(), {"landlock_abi": landlock_abi(), "version": sys.version.split()[0]})
gc.collect()
gc.disable()
gc.freeze()
serve_forks()
