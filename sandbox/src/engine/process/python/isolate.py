"""The layers a process puts itself under before it runs a candidate's code.

Only these functions make system calls that Python has no name for. The programs of the seccomp filter and the Landlock
ruleset come ready from the Rust side; nothing here decides what is allowed.
"""
import ctypes
import fcntl
import os
import resource

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV = 2, 4
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_SET_DUMPABLE = 1, 22, 38, 4
SYS_LANDLOCK_CREATE_RULESET, SYS_LANDLOCK_RESTRICT_SELF = 444, 446
SCRATCH = b"/box/tmp"
INNER_ID = 1000


class Layers:
    """What is in force; with `strict`, a layer that cannot be put up is an error."""

    def __init__(self, strict):
        self.strict = strict
        self.up = {}

    def put_up(self, name, step):
        try:
            step()
            self.up[name] = ""
        except OSError as error:
            if self.strict:
                raise OSError(error.errno, f"{name}: {os.strerror(error.errno)}") from None
            self.up[name] = os.strerror(error.errno)


def check(value):
    if value < 0:
        raise OSError(ctypes.get_errno(), "system call")
    return value


def prctl(option, argument):
    zero = ctypes.c_ulong(0)
    check(LIBC.prctl(option, argument, zero, zero, zero))


def die_with_parent():
    prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(9))


def landlock_abi():
    """The kernel's Landlock ABI, 0 where there is none."""
    return max(0, LIBC.syscall(SYS_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(1)))


def write_map(proc, name, text):
    file = os.open("self/" + name, os.O_WRONLY, dir_fd=proc)
    try:
        os.write(file, text)
    finally:
        os.close(file)


def new_namespaces(proc):
    """New user, pid, mount, ipc, net and uts namespaces for this process's children, its ids mapped to an ordinary one."""
    uid, gid = os.getuid(), os.getgid()
    flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS
    if SETTINGS["net_each_run"]:
        flags |= CLONE_NEWNET
    check(LIBC.unshare(flags))
    prctl(PR_SET_DUMPABLE, ctypes.c_ulong(1))
    write_map(proc, "setgroups", b"deny")
    write_map(proc, "uid_map", b"%d %d 1" % (INNER_ID, uid))
    write_map(proc, "gid_map", b"%d %d 1" % (INNER_ID, gid))


def fresh_scratch(file_bytes):
    options = b"mode=0700,nr_inodes=4096,size=%d" % file_bytes
    check(LIBC.mount(b"tmpfs", SCRATCH, b"tmpfs", ctypes.c_ulong(MS_NOSUID | MS_NODEV), options))
    os.chdir(SCRATCH)


def drop_capabilities():
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    check(LIBC.capset(header, (ctypes.c_uint32 * 6)()))


def go_first(proc):
    """Has the kernel end this process, not those that watch it, when their control group is out of memory."""
    try:
        file = os.open("self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC, dir_fd=proc)
    except OSError:
        return
    try:
        os.write(file, b"1000")
    finally:
        os.close(file)


def restrict_files(ruleset):
    check(LIBC.syscall(SYS_LANDLOCK_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint(0)))


# What a candidate gives back before it tells of an error, beside the memory that is its own.
RESERVE_BYTES = 4 << 20


class SockFprog(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def filter_system_calls(programs):
    for program in programs:
        buffer = ctypes.create_string_buffer(program, len(program))
        whole = SockFprog(len(program) // 8, ctypes.addressof(buffer))
        zero = ctypes.c_ulong(0)
        check(LIBC.prctl(PR_SET_SECCOMP, ctypes.c_ulong(2), ctypes.byref(whole), zero, zero))


def set_limit(kind, value):
    soft, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def set_limits(limits, processes, spare=0, address_space=True):
    cpu = max(1, int(-(-limits["cpu_seconds"] // 1)))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + spare))
    set_limit(resource.RLIMIT_CORE, 0)
    set_limit(resource.RLIMIT_FSIZE, limits["file_bytes"])
    set_limit(resource.RLIMIT_NOFILE, 256)
    set_limit(resource.RLIMIT_STACK, 64 << 20)
    set_limit(resource.RLIMIT_MSGQUEUE, 0)
    set_limit(resource.RLIMIT_MEMLOCK, 0)
    set_limit(resource.RLIMIT_NPROC, processes)
    if address_space:
        set_limit(resource.RLIMIT_AS, limits["memory_bytes"] + RESERVE_BYTES)


def keep_only(pairs):
    """Moves each (from, to) file into place and closes every other one from 3 on."""
    moved = [(fcntl.fcntl(source, fcntl.F_DUPFD, 64), target) for source, target in pairs]
    for source, target in moved:
        os.dup2(source, target)
    os.closerange(max(2, *(target for _, target in pairs)) + 1, 65536)
