//! The files that a process has.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, RawFd};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::sys::stat::Mode;
use nix::unistd::close;

/// The highest number of a file of this process; `proc` is the folder `/proc`.
pub(crate) fn highest(proc: impl AsFd) -> nix::Result<RawFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut folder = Dir::openat(proc, "self/fd", flags, Mode::empty())?;
    let mut highest = 0;
    for entry in folder.iter() {
        let number = entry?.file_name().to_str().ok().and_then(|name| name.parse().ok());
        highest = highest.max(number.unwrap_or(0));
    }
    Ok(highest)
}

/// Moves files to the numbers from 0 on and closes every other one up to `highest`; none comes from one of the numbers.
///
/// # Safety
/// Nothing here uses a file after this but by the number that it was moved to.
pub(crate) unsafe fn keep_only(files: &[RawFd], highest: RawFd) -> nix::Result<()> {
    let mut number = 0;
    for file in files {
        // SAFETY: takes numbers only; what had the second one is used by nobody.
        Errno::result(unsafe { libc::dup2(*file, number) })?;
        number += 1;
    }
    for number in number..=highest {
        // Some are free.
        let _ = close(number);
    }
    Ok(())
}
