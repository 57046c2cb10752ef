"""The layers a process puts itself under before it runs a candidate's code.

Only these functions make system calls that Python has no name for. The programs of the seccomp filter and the Landlock
ruleset come ready from the Rust side; nothing here decides what is allowed. Every page that a copy of the interpreter writes
to is a page to be copied, so what can be made ready before is.
"""
import ctypes
import os
import resource

# Calls keep the interpreter's lock. Looked up here, and not again in every copy.
LIBC = ctypes.PyDLL(None, use_errno=True)
PRCTL, MOUNT, CAPSET, SYSCALL = LIBC.prctl, LIBC.mount, LIBC.capset, LIBC.syscall
CLONE_PARENT, CLONE_CHILD_CLEARTID, CLONE_CHILD_SETTID = 0x00008000, 0x00200000, 0x01000000
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_NOSUID_NODEV = ctypes.c_ulong(2 | 4)
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_GET_TID_ADDRESS = 1, 4, 22, 40
ONE, SIGKILL, SECCOMP_MODE_FILTER = ctypes.c_ulong(1), ctypes.c_ulong(9), ctypes.c_ulong(2)
SYS_LANDLOCK_CREATE_RULESET, SYS_LANDLOCK_RESTRICT_SELF = 444, 446
SCRATCH = b"/box/tmp"
INNER_ID = 1000


class Layers:
    """What is in force: a name with no text, or with the error of what is not. With `strict`, that is an exception."""

    def __init__(self, strict):
        self.strict = strict
        self.up = {}

    def put_up(self, name, step, *arguments):
        try:
            step(*arguments)
            self.up[name] = ""
        except OSError as error:
            if self.strict:
                raise OSError(error.errno, f"{name}: {os.strerror(error.errno)}") from None
            self.up[name] = os.strerror(error.errno)


def check(value):
    if value < 0:
        raise OSError(ctypes.get_errno(), "system call")
    return value


ZERO = ctypes.c_ulong(0)


def prctl(option, argument):
    check(PRCTL(option, argument, ZERO, ZERO, ZERO))


def die_with_parent():
    prctl(PR_SET_PDEATHSIG, SIGKILL)


def landlock_abi():
    """The kernel's Landlock ABI, 0 where there is none."""
    return max(0, SYSCALL(SYS_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(1)))


def thread_id_address():
    """Where the C library keeps its thread's id; None where the kernel does not tell, or the library keeps something else there."""
    address = ctypes.c_void_p()
    told = PRCTL(PR_GET_TID_ADDRESS, ctypes.byref(address), ZERO, ZERO, ZERO)
    is_kept = told == 0 and address.value and ctypes.c_int.from_address(address.value).value == os.getpid()
    return address if is_kept else None


def namespace_flags(has_network):
    flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS
    return flags | CLONE_NEWNET if has_network else flags


def clone_call(namespaces):
    """The arguments of a call that makes a copy of this process in new `namespaces`, a child of this one's parent.

    The order of the last two differs between architectures, and the one that means nothing is not read.
    """
    address = thread_id_address()
    flags = CLONE_PARENT | namespaces | (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID if address else 0)
    return ctypes.c_long(SETTINGS["sys_clone"]), ctypes.c_ulong(flags), None, None, address, address


def clone(call):
    """The copy's id; 0 in the copy.

    os.fork has half the interpreter visited in the copy to repair what threads may have left locked, each page of it a page
    that is copied. With one thread there is nothing to repair: the copy goes on where this process is.
    """
    return check(SYSCALL(*call))


def map_ids(proc, maps):
    """Makes the ids of a process in a new user namespace those of an ordinary user."""
    prctl(PR_SET_DUMPABLE, ONE)
    for path, text in maps:
        file = os.open(path, os.O_WRONLY, dir_fd=proc)
        os.write(file, text)
        os.close(file)


def id_maps():
    uid, gid = b"%d %d 1" % (INNER_ID, os.getuid()), b"%d %d 1" % (INNER_ID, os.getgid())
    return ("self/setgroups", b"deny"), ("self/uid_map", uid), ("self/gid_map", gid)


def fresh_scratch(size):
    """A tmpfs of `size` bytes, a text."""
    options = b"mode=0700,nr_inodes=4096,size=" + size
    check(MOUNT(b"tmpfs", SCRATCH, b"tmpfs", MS_NOSUID_NODEV, options))
    os.chdir(SCRATCH)


CAPABILITY_HEADER, NO_CAPABILITIES = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()


def drop_capabilities():
    check(CAPSET(CAPABILITY_HEADER, NO_CAPABILITIES))


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
    check(SYSCALL(SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0))


class SockFprog(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def ready_filters(programs):
    """Filters in the kernel's form, with the memory that they lie in."""
    buffers = [ctypes.create_string_buffer(program, len(program)) for program in map(bytes.fromhex, programs)]
    return [(ctypes.pointer(SockFprog(len(buffer) // 8, ctypes.addressof(buffer))), buffer) for buffer in buffers]


def filter_system_calls(filters):
    for program, _ in filters:
        check(PRCTL(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, ZERO, ZERO))


def set_limit(kind, value, spare=0):
    _, most = resource.getrlimit(kind)
    if most != resource.RLIM_INFINITY:
        value = min(value, most - spare)
    resource.setrlimit(kind, (value, value + spare))


def set_limits(cpu_seconds, processes, file_bytes, address_space, spare_seconds=0):
    """The kernel's limits on this process, its children each having them too; no `address_space` where it is the largest number."""
    set_limit(resource.RLIMIT_CPU, cpu_seconds, spare_seconds)
    for kind, value in FIXED_LIMITS:
        set_limit(kind, value)
    set_limit(resource.RLIMIT_FSIZE, file_bytes)
    set_limit(resource.RLIMIT_NPROC, processes)
    if address_space < 2**63 - 1:
        set_limit(resource.RLIMIT_AS, address_space)


FIXED_LIMITS = (
    (resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, 256), (resource.RLIMIT_STACK, 64 << 20), (resource.RLIMIT_MSGQUEUE, 0),
    (resource.RLIMIT_MEMLOCK, 0),
)


def keep_only(files):
    """Moves files to the numbers from 0 on and closes every other one; they come from numbers beyond those."""
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.closerange(len(files), 65536)
