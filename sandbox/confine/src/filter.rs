//! The seccomp filters: the system calls that a candidate and a judge may make. All others fail with EPERM.
//!
//! The long list of allowed calls is put up once, in the worker's interpreter, and inherited: compiling it in the
//! kernel for each run would take as long as the run's other layers together. The list still allows the calls by which
//! layers are put up; the last layer is a short filter that refuses those.

use std::collections::BTreeMap;

use nix::errno::Errno;
use nix::libc;
use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};

/// Flags of `clone` that make namespaces, and the one that would make a child its caller's sibling.
const REFUSED_FLAGS: u64 = 0x7e02_0080 | libc::CLONE_PARENT as u64;

/// Calls that any computation makes for files, pipes, threads and time.
const COMMON: &[i64] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_preadv,
    libc::SYS_pwritev,
    libc::SYS_preadv2,
    libc::SYS_pwritev2,
    libc::SYS_fadvise64,
    libc::SYS_openat,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_chdir,
    libc::SYS_fchdir,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_umask,
    libc::SYS_utimensat,
    libc::SYS_truncate,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fcntl,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_pipe2,
    libc::SYS_sendfile,
    libc::SYS_copy_file_range,
    libc::SYS_eventfd2,
    libc::SYS_munmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_membarrier,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_setitimer,
    libc::SYS_getitimer,
    libc::SYS_times,
    libc::SYS_getrusage,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_timerfd_gettime,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getresuid,
    libc::SYS_getresgid,
    libc::SYS_getgroups,
    libc::SYS_getpgid,
    libc::SYS_getsid,
    libc::SYS_getpriority,
    libc::SYS_getcpu,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_futex,
    libc::SYS_set_tid_address,
    libc::SYS_set_robust_list,
    libc::SYS_get_robust_list,
    libc::SYS_rseq,
    libc::SYS_getrandom,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_prlimit64,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Calls that older C libraries make on this architecture in place of those above.
#[cfg(target_arch = "x86_64")]
const OLD: &[i64] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_link,
    libc::SYS_symlink,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_creat,
    libc::SYS_dup2,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_epoll_create,
    libc::SYS_epoll_wait,
    libc::SYS_eventfd,
    libc::SYS_alarm,
    libc::SYS_pause,
    libc::SYS_time,
    libc::SYS_arch_prctl,
    libc::SYS_getpgrp,
    libc::SYS_getdents,
    libc::SYS_getrlimit,
    libc::SYS_utime,
    libc::SYS_utimes,
];
#[cfg(not(target_arch = "x86_64"))]
const OLD: &[i64] = &[];

/// Calls that only a candidate may make: for its own processes, and for the sockets and signals between them.
const PROCESSES: &[i64] = &[
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_tgkill,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_wait4,
    libc::SYS_waitid,
    libc::SYS_setsid,
    libc::SYS_setpgid,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_setrlimit,
    libc::SYS_sendto,
    libc::SYS_recvfrom,
    libc::SYS_sendmsg,
    libc::SYS_recvmsg,
    libc::SYS_shutdown,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
];

/// Calls for extended attributes, which programs' files do not have: what copies a file with its attributes goes on
/// where a file system has none.
const ATTRIBUTES: &[i64] = &[
    libc::SYS_getxattr,
    libc::SYS_lgetxattr,
    libc::SYS_fgetxattr,
    libc::SYS_listxattr,
    libc::SYS_llistxattr,
    libc::SYS_flistxattr,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
];

/// Calls by which layers are put up, and that no program may make.
const SETUP: &[i64] = &[libc::SYS_mount, libc::SYS_capset, libc::SYS_landlock_restrict_self, libc::SYS_seccomp];

/// Options of `prctl` that stay allowed behind all layers.
const PRCTL: [libc::c_int; 2] = [libc::PR_SET_NAME, libc::PR_GET_NAME];

/// Signals that end a process whatever its handlers, or that a process sends itself in order to end. The kernel keeps
/// them from process 1 of a pid namespace, which a candidate is (pid_namespaces(7)).
const FATAL: [libc::c_int; 6] = [libc::SIGKILL, libc::SIGABRT, libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];

/// The compiled filters, in the order in which they are put up.
pub(crate) struct Filters {
    /// For a worker's interpreter and every process that descends from it.
    pub zygote: [BpfProgram; 4],
    /// For a candidate on top of that.
    pub candidate: BpfProgram,
    /// For a judge on top of that: no signals, no processes.
    pub judge: BpfProgram,
}

impl Filters {
    /// Compiles the filters for this machine.
    ///
    /// # Errors
    /// There are no filters for this architecture.
    pub(crate) fn compile() -> Result<Self, seccompiler::BackendError> {
        // Of filters that answer with an error, the one that was put up last decides (seccomp(2)).
        // `clone3` passes its flags in memory, where a filter cannot see them: libraries fall back to `clone`.
        let clone3 = missing(&[libc::SYS_clone3], libc::ENOSYS)?;
        let zygote = [allowed()?, clone3, missing(ATTRIBUTES, libc::EOPNOTSUPP)?, suicide()?];
        Ok(Self { zygote, candidate: refused(false)?, judge: refused(true)? })
    }
}

/// Puts this process under a filter.
pub(crate) fn apply(program: &BpfProgram) -> nix::Result<()> {
    apply_filter(program).map_err(|error| match error {
        Error::Prctl(cause) | Error::Seccomp(cause) => Errno::from_raw(cause.raw_os_error().unwrap_or(0)),
        _ => Errno::EINVAL,
    })
}

/// Has calls fail with the error of a system that does not have them, so that libraries do without.
fn missing(calls: &[i64], errno: libc::c_int) -> Result<BpfProgram, seccompiler::BackendError> {
    let rules = calls.iter().map(|call| (*call, Vec::new())).collect();
    let errno = SeccompAction::Errno(errno as u32);
    SeccompFilter::new(rules, SeccompAction::Allow, errno, architecture()?)?.try_into()
}

/// Allows the calls of every process that a worker starts, the ones that put up layers included.
fn allowed() -> Result<BpfProgram, seccompiler::BackendError> {
    let calls = COMMON.iter().chain(OLD).chain(PROCESSES).chain(SETUP);
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = calls.map(|call| (*call, Vec::new())).collect();
    // Python asks these of files: terminal size, bytes waiting, close-on-exec, non-blocking. The command has 32 bits.
    let commands = [libc::TCGETS, libc::TIOCGWINSZ, libc::FIONREAD, libc::FIOCLEX, libc::FIONCLEX, libc::FIONBIO];
    let mut ioctl = Vec::new();
    for command in commands {
        let equal = SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, u64::from(command as u32))?;
        ioctl.push(SeccompRule::new(vec![equal])?);
    }
    rules.insert(libc::SYS_ioctl, ioctl);
    rules.insert(libc::SYS_mmap, private_or_of_a_file()?);
    for call in [libc::SYS_prctl, libc::SYS_clone] {
        rules.insert(call, Vec::new());
    }
    let unix = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, libc::AF_UNIX as u64)?;
    rules.insert(libc::SYS_socketpair, vec![SeccompRule::new(vec![unix])?]);
    // Pipes with a name, but no devices.
    let is_pipe = SeccompCmpOp::MaskedEq(u64::from(libc::S_IFMT));
    let pipe = |argument| {
        let mode = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, is_pipe.clone(), u64::from(libc::S_IFIFO))?;
        SeccompRule::new(vec![mode])
    };
    rules.insert(libc::SYS_mknodat, vec![pipe(2)?]);
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_mknod, vec![pipe(1)?]);
    // The caller's own processors and priority. Without a pid namespace it could name other processes.
    let zero = |argument| SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, 0);
    rules.insert(libc::SYS_sched_setaffinity, vec![SeccompRule::new(vec![zero(0)?])?]);
    rules.insert(libc::SYS_setpriority, vec![SeccompRule::new(vec![zero(0)?, zero(1)?])?]);
    let errno = SeccompAction::Errno(libc::EPERM as u32);
    SeccompFilter::new(rules, errno, SeccompAction::Allow, architecture()?)?.try_into()
}

/// Refuses the calls that a candidate, or a judge, may no longer make once its other layers are up.
fn refused(from_judge: bool) -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = SETUP.iter().map(|call| (*call, Vec::new())).collect();
    let mut other = Vec::new();
    for option in PRCTL {
        other.push(SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, option as u64)?);
    }
    rules.insert(libc::SYS_prctl, vec![SeccompRule::new(other)?]);
    if from_judge {
        rules.extend(PROCESSES.iter().chain(&[libc::SYS_clone, libc::SYS_socketpair]).map(|call| (*call, Vec::new())));
    } else {
        let flags = (0..u64::BITS).map(|bit| 1 << bit).filter(|flag| REFUSED_FLAGS & flag != 0);
        let mut refused = Vec::new();
        for flag in flags {
            let is_set = SeccompCmpOp::MaskedEq(flag);
            refused.push(SeccompRule::new(vec![SeccompCondition::new(0, SeccompCmpArgLen::Qword, is_set, flag)?])?);
        }
        rules.insert(libc::SYS_clone, refused);
    }
    let errno = SeccompAction::Errno(libc::EPERM as u32);
    SeccompFilter::new(rules, SeccompAction::Allow, errno, architecture()?)?.try_into()
}

/// Ends a candidate that sends itself a signal which would end any other process.
fn suicide() -> Result<BpfProgram, seccompiler::BackendError> {
    let is = |argument, value: i64| {
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, u64::from(value as u32))
    };
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for signal in FATAL {
        // The target is the candidate itself (1) or its process group (0).
        for (call, target, argument) in
            [(libc::SYS_kill, 1, 1), (libc::SYS_kill, 0, 1), (libc::SYS_tkill, 1, 1), (libc::SYS_tgkill, 1, 2)]
        {
            let rule = SeccompRule::new(vec![is(0, target)?, is(argument, i64::from(signal))?])?;
            rules.entry(call).or_default().push(rule);
        }
    }
    SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::KillProcess, architecture()?)?.try_into()
}

/// Allows `mmap` of private memory, or of a file. A program could take shared memory without a file out of its page
/// tables, where no limit would count it.
fn private_or_of_a_file() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    const FLAGS: u8 = 3;
    let masked = |mask: i32, value: i32| {
        let (mask, value) = (u64::from(mask as u32), u64::from(value as u32));
        let equal = SeccompCmpOp::MaskedEq(mask);
        SeccompRule::new(vec![SeccompCondition::new(FLAGS, SeccompCmpArgLen::Dword, equal, value)?])
    };
    Ok(vec![masked(libc::MAP_ANONYMOUS, 0)?, masked(libc::MAP_TYPE, libc::MAP_PRIVATE)?])
}

fn architecture() -> Result<TargetArch, seccompiler::BackendError> {
    TargetArch::try_from(std::env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_fit_the_kernels_limit_and_what_each_run_puts_up_is_short() {
        let filters = Filters::compile().unwrap();
        let programs = filters.zygote.iter().chain([&filters.candidate, &filters.judge]);
        assert!(programs.clone().all(|program| program.len() <= 4096));
        let inherited: usize = filters.zygote.iter().map(Vec::len).sum();
        assert!(filters.candidate.len() * 4 < inherited);
    }
}
