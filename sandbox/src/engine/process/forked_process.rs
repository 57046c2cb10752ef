//! A process that a zygote forked. Its parent is this process, which therefore watches, ends and reaps it.
#![allow(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, pidfd_open};

use crate::engine::wire::read_array;

/// Seconds that a zygote may take to make a process, and that a killed process may take to end.
const GRACE_SECONDS: u64 = 10;

/// A process that a zygote was asked to fork.
pub(super) struct PendingFork {
    /// Socket on which the process id comes; `None` once it was taken.
    birth: Option<UnixStream>,
}

/// A process that a zygote forked; killed and reaped when dropped.
pub(super) struct ForkedProcess {
    pid: Pid,
    /// File of the process (pidfd_open(2)), readable once the process has ended.
    ended: OwnedFd,
    is_reaped: bool,
}

/// End of a process, and what it used.
pub(super) struct Exit {
    /// Exit status, or the negated number of the signal.
    pub code: i32,
    pub cpu_seconds: f64,
    /// Most memory that the process, or one of the children that it waited for, held at a time.
    pub peak_bytes: u64,
}

impl PendingFork {
    /// A process whose id will come through `birth`.
    pub(super) fn new(birth: UnixStream) -> Self {
        Self { birth: Some(birth) }
    }

    /// Waits for the process id.
    ///
    /// # Errors
    /// The process was not made, or the zygote has ended.
    pub(super) fn adopt(mut self) -> io::Result<ForkedProcess> {
        self.birth.take().map_or_else(|| Err(io::ErrorKind::NotFound.into()), adopt)
    }
}

impl Drop for PendingFork {
    /// Ends and reaps a process that is no longer wanted.
    fn drop(&mut self) {
        let _ = self.birth.take().map(adopt);
    }
}

fn adopt(mut birth: UnixStream) -> io::Result<ForkedProcess> {
    match i32::from_le_bytes(read_array(&mut birth, Instant::now() + Duration::from_secs(GRACE_SECONDS))?) {
        errno @ ..=0 => Err(io::Error::from_raw_os_error(-errno)),
        pid => ForkedProcess::of(Pid::from_raw(pid)),
    }
}

impl ForkedProcess {
    fn of(pid: Pid) -> io::Result<Self> {
        // Fails for a process that is no child of this one: nothing else is ever signalled.
        waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT)?;
        let number = rustix::process::Pid::from_raw(pid.as_raw()).ok_or(io::ErrorKind::NotFound)?;
        match pidfd_open(number, PidfdFlags::empty()) {
            Ok(ended) => Ok(Self { pid, ended, is_reaped: false }),
            Err(error) => {
                let _ = kill(pid, Signal::SIGKILL);
                let _ = waitpid(pid, None);
                Err(error.into())
            }
        }
    }

    /// Process id, which no other process can have before this one is reaped.
    pub(super) fn id(&self) -> i32 {
        self.pid.as_raw()
    }

    /// File that is readable once the process has ended.
    pub(super) fn ended(&self) -> BorrowedFd<'_> {
        self.ended.as_fd()
    }

    /// True once the process has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended_within(Duration::ZERO).unwrap_or(true)
    }

    fn has_ended_within(&self, patience: Duration) -> io::Result<bool> {
        let mut files = [PollFd::new(self.ended.as_fd(), PollFlags::POLLIN)];
        match poll(&mut files, PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX)) {
            Err(nix::errno::Errno::EINTR) => Ok(false),
            polled => Ok(polled? > 0),
        }
    }

    /// Kills the process, and its process group if it has made one of its own.
    pub(super) fn kill(&self) {
        if !self.is_reaped {
            let _ = killpg(self.pid, Signal::SIGKILL);
            let _ = kill(self.pid, Signal::SIGKILL);
        }
    }

    /// Reaps the process, which has ended or was killed.
    ///
    /// # Errors
    /// The process does not end.
    pub(super) fn wait(&mut self) -> io::Result<Exit> {
        let deadline = Instant::now() + Duration::from_secs(GRACE_SECONDS);
        while !self.has_ended_within(deadline.saturating_duration_since(Instant::now()))? {
            if Instant::now() >= deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        let (mut status, mut usage) = (0, MaybeUninit::<libc::rusage>::zeroed());
        // SAFETY: both places are valid for writes of their types while the call lasts.
        let waited = unsafe { libc::wait4(self.pid.as_raw(), &mut status, libc::WNOHANG, usage.as_mut_ptr()) };
        if waited != self.pid.as_raw() {
            return Err(io::Error::last_os_error());
        }
        self.is_reaped = true;
        // SAFETY: every bit pattern is a value of this type, and the kernel has filled it.
        let usage = unsafe { usage.assume_init() };
        let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
        Ok(Exit {
            code: if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -libc::WTERMSIG(status) },
            cpu_seconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
            peak_bytes: usage.ru_maxrss as u64 * 1024,
        })
    }
}

/// Ends an inherited ignoring of SIGCHLD, under which the kernel would reap children by itself (wait(2)).
pub(super) fn keep_ended_children() {
    let mut now = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: asks only, and the place is valid for a write of its type while the call lasts.
    let asked = unsafe { libc::sigaction(libc::SIGCHLD, std::ptr::null(), now.as_mut_ptr()) };
    // SAFETY: every bit pattern is a value of this type.
    if asked == 0 && unsafe { now.assume_init() }.sa_sigaction == libc::SIG_IGN {
        // SAFETY: the default action runs no code of this process.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    }
}

impl Drop for ForkedProcess {
    fn drop(&mut self) {
        if !self.is_reaped {
            self.kill();
            let _ = self.wait();
        }
    }
}
