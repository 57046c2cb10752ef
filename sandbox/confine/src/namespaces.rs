//! The namespaces of a candidate, its ids in them, and its scratch folder (namespaces(7)).

use std::os::fd::{AsFd, BorrowedFd};

use nix::fcntl::{OFlag, openat};
use nix::mount::{MsFlags, mount};
use nix::sched::CloneFlags;
use nix::sys::prctl::set_dumpable;
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, chdir, write};

/// The user and group ids that a program sees as its own.
const INNER_ID: u32 = 1000;
/// The folder that a candidate writes to.
const SCRATCH: &str = "/box/tmp";

/// The namespaces in which a candidate is made.
pub(crate) fn flags(has_network: bool) -> CloneFlags {
    let flags = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    if has_network { flags | CloneFlags::CLONE_NEWNET } else { flags }
}

/// The files and texts by which a process in a new user namespace becomes an ordinary user there (user_namespaces(7)).
pub(crate) struct IdMaps([(&'static str, String); 3]);

impl IdMaps {
    /// The texts for copies of this process: its own ids, mapped to the inner one.
    pub(crate) fn new() -> Self {
        let map = |id: u32| format!("{INNER_ID} {id} 1");
        Self([
            ("self/setgroups", "deny".to_owned()),
            ("self/uid_map", map(Uid::current().as_raw())),
            ("self/gid_map", map(Gid::current().as_raw())),
        ])
    }

    /// Writes the texts; `proc` is the folder `/proc`.
    pub(crate) fn write(&self, proc: impl AsFd) -> nix::Result<()> {
        // A process that is not dumpable does not own its files in `/proc` (proc(5)).
        set_dumpable(true)?;
        self.0.iter().try_for_each(|(path, text)| put(proc.as_fd(), path, text))
    }
}

/// Writes a text to a file of the kernel.
fn put(folder: BorrowedFd<'_>, path: &str, text: &str) -> nix::Result<()> {
    let file = openat(folder, path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    write(file, text.as_bytes()).map(drop)
}

/// Has the kernel end this process before those that watch it when their control group is out of memory; `proc` is the
/// folder `/proc`.
pub(crate) fn go_first(proc: impl AsFd) {
    let _ = put(proc.as_fd(), "self/oom_score_adj", "1000");
}

/// Mounts an empty tmpfs of `bytes` on the scratch folder, and makes it the working folder.
pub(crate) fn fresh_scratch(bytes: u64) -> nix::Result<()> {
    let nowhere = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let options = format!("mode=0700,nr_inodes=4096,size={bytes}");
    mount(Some("tmpfs"), SCRATCH, Some("tmpfs"), nowhere, Some(options.as_str()))?;
    chdir(SCRATCH)
}
