//! New namespaces: which a candidate gets, its ids in them, and its place to write.

use std::os::fd::{AsFd, BorrowedFd};

use nix::fcntl::{OFlag, openat};
use nix::mount::{MsFlags, mount};
use nix::sched::CloneFlags;
use nix::sys::prctl::set_dumpable;
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, chdir, write};

/// The user and the group that a program is in its own eyes.
const INNER_ID: u32 = 1000;
/// Where a candidate writes.
const SCRATCH: &str = "/box/tmp";

/// The namespaces that a candidate is born in.
pub(crate) fn flags(has_network: bool) -> CloneFlags {
    let flags = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    if has_network { flags | CloneFlags::CLONE_NEWNET } else { flags }
}

/// What a process in a new user namespace writes where, to be an ordinary user there.
pub(crate) struct IdMaps([(&'static str, String); 3]);

impl IdMaps {
    /// Those of copies of this process.
    pub fn new() -> Self {
        let map = |id: u32| format!("{INNER_ID} {id} 1");
        Self([
            ("self/setgroups", "deny".to_owned()),
            ("self/uid_map", map(Uid::current().as_raw())),
            ("self/gid_map", map(Gid::current().as_raw())),
        ])
    }

    /// Writes them; `proc` is the folder `/proc`.
    pub fn write(&self, proc: impl AsFd) -> nix::Result<()> {
        // Otherwise the files are not its own.
        set_dumpable(true)?;
        self.0.iter().try_for_each(|(path, text)| put(proc.as_fd(), path, text))
    }
}

/// Writes a text into a file of the kernel's.
fn put(folder: BorrowedFd<'_>, path: &str, text: &str) -> nix::Result<()> {
    let file = openat(folder, path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    write(file, text.as_bytes()).map(drop)
}

/// Has the kernel end this process, not those that watch it, when their control group is out of memory; `proc` is the folder
/// `/proc`.
pub(crate) fn go_first(proc: impl AsFd) {
    let _ = put(proc.as_fd(), "self/oom_score_adj", "1000");
}

/// A tmpfs of so many bytes to write in.
pub(crate) fn fresh_scratch(bytes: u64) -> nix::Result<()> {
    let nowhere = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let options = format!("mode=0700,nr_inodes=4096,size={bytes}");
    mount(Some("tmpfs"), SCRATCH, Some("tmpfs"), nowhere, Some(options.as_str()))?;
    chdir(SCRATCH)
}
