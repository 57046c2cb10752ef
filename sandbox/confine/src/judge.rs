//! A copy that becomes a judge. It holds no candidate's code; its tests come later, and its limits with them.
#![allow(unsafe_code)]

use std::os::fd::{BorrowedFd, IntoRawFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::write;

use crate::zygote::{EntryPoints, Zygote};
use crate::{ProcessLimits, access, files, filter};

/// Number of the socket by which a judge talks with the server.
const TALK: RawFd = 3;

impl Zygote {
    /// Closes the interpreter's files in this copy, then waits for tests and runs them. The first of `handed` is the
    /// socket to the server. Returns the copy's exit status if it cannot begin.
    pub(crate) fn become_judge(&self, handed: &[RawFd], entry_points: &EntryPoints) -> i32 {
        if self.let_go(handed).is_ok() {
            (entry_points.judge)();
        }
        1
    }

    fn let_go(&self, handed: &[RawFd]) -> nix::Result<()> {
        // A judge reads and prints nothing. The interpreter's own files must be closed: their closing tells the server
        // that the interpreter has ended.
        let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
        let (null, talk) = (null.into_raw_fd(), *handed.first().ok_or(Errno::EBADF)?);
        let restricted = self.ruleset.take().map_or(Ok(()), access::restrict);
        // SAFETY: after this no file is used but by its new number.
        unsafe { files::keep_only(&[null, null, null, talk], self.highest.max(talk).max(null)) }?;
        set_pdeathsig(Signal::SIGKILL)?;
        match restricted {
            Err(errno) if self.options.is_strict => {
                tell("landlock", errno);
                Err(errno)
            }
            _ => Ok(()),
        }
    }

    /// Confines a judge that has its tests. A second of processor time is left after the signal that the time is used
    /// up.
    ///
    /// # Errors
    /// A layer could not be put up. Reported only with [`crate::Options::is_strict`].
    pub(crate) fn confine_judge(&self, limits: &ProcessLimits) -> nix::Result<()> {
        let (limited, filtered) = (limits.set(1), filter::apply(&self.filters.judge));
        if self.options.is_strict { limited.and(filtered) } else { Ok(()) }
    }
}

/// Tells the server what keeps a judge from its tests, in the form of its findings: a frame of JSON.
fn tell(what: &str, errno: Errno) {
    let text = format!(r#"{{"detail": "{what}: {}"}}"#, errno.desc());
    // SAFETY: the socket has this number now, and nothing else here owns it.
    let talk = unsafe { BorrowedFd::borrow_raw(TALK) };
    let _ = write(talk, &[&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat());
}
