//! The open files of this process: the highest number, and which ones a copy keeps.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, RawFd};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::sys::stat::Mode;
use nix::unistd::close;

/// The highest number of an open file of this process; `proc` is the folder `/proc`.
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

/// Moves `files` to the numbers from 0 on, and closes every other file up to `highest`. No file may come from one of
/// the new numbers.
///
/// # Safety
/// After this the caller uses a file by its new number alone.
pub(crate) unsafe fn keep_only(files: &[RawFd], highest: RawFd) -> nix::Result<()> {
    let mut number = 0;
    for file in files {
        // SAFETY: `dup2` takes numbers alone, and nobody uses the file that it closes at the second one.
        Errno::result(unsafe { libc::dup2(*file, number) })?;
        number += 1;
    }
    for number in number..=highest {
        // Numbers without a file fail, which does no harm.
        let _ = close(number);
    }
    Ok(())
}
