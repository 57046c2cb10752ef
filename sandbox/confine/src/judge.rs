//! A copy that becomes a judge. It holds no candidate's code; what it is told to do takes longer to come, and its limits with it.
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

/// The number of the file by which a judge hears from the server.
const TALK: RawFd = 3;

impl Zygote {
    /// Lets go of everything that the interpreter has, in this copy, and goes on to wait for its tests. The first of `handed`
    /// is the way to the server. Comes back, with the copy's exit status, where that cannot be done.
    pub(crate) fn become_judge(&self, handed: &[RawFd], entry_points: &EntryPoints) -> i32 {
        if self.let_go(handed).is_ok() {
            (entry_points.judge)();
        }
        1
    }

    fn let_go(&self, handed: &[RawFd]) -> nix::Result<()> {
        // Nothing comes in, nothing is heard. The interpreter's own files are not kept while it waits: by them its end is seen.
        let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
        let (null, talk) = (null.into_raw_fd(), *handed.first().ok_or(Errno::EBADF)?);
        let restricted = self.ruleset.take().map_or(Ok(()), access::restrict);
        // SAFETY: none is used after this but by its new number.
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

    /// Confines a judge that has its tests; a second is left after the signal that says that its time is up.
    ///
    /// # Errors
    /// A layer could not be put up; only with [`crate::Options::is_strict`].
    pub(crate) fn confine_judge(&self, limits: &ProcessLimits) -> nix::Result<()> {
        let (limited, filtered) = (limits.set(1), filter::apply(&self.filters.judge));
        if self.options.is_strict { limited.and(filtered) } else { Ok(()) }
    }
}

/// Says what keeps a judge from its tests, as it would say what it found: a frame of JSON.
fn tell(what: &str, errno: Errno) {
    let text = format!(r#"{{"detail": "{what}: {}"}}"#, errno.desc());
    // SAFETY: it has this number now, and nothing else here has it.
    let talk = unsafe { BorrowedFd::borrow_raw(TALK) };
    let _ = write(talk, &[&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat());
}
