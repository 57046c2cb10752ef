//! The worker's outer jail: namespaces, a root of read-only binds, an ordinary user. Entered between fork and exec.
//!
//! The code here runs in the forked child before the interpreter is executed and must not touch the parent's threads or
//! locks. It uses the allocator, which the C library makes usable again after a fork.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::os::fd::{BorrowedFd, RawFd};
use std::path::{Path, PathBuf};
use std::{fs, io};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{Gid, Uid, chdir, getegid, geteuid, pivot_root, setgroups, setresgid, setresuid};

/// User and group id of the workers where root runs the server.
const WORKER_ID: u32 = 62_000;
const STAGE: &str = "/tmp";
/// Devices that programs see; not `zero`, for a shared mapping of it is memory that no limit counts.
const DEVICES: [&str; 4] = ["null", "full", "random", "urandom"];
/// Length of the file that stands for `/dev/zero`: a hole, which takes no memory.
const ZERO_BYTES: u64 = 1 << 50;

/// Settings of the child, made before the fork.
pub(crate) struct Jail {
    /// Files and folders to show, read-only.
    pub needs: Vec<PathBuf>,
    /// Files that stay open across the exec.
    pub kept: Vec<RawFd>,
    /// File that a failed step's name and error are written to.
    pub complaint: RawFd,
    /// True where the child gets namespaces and a root of its own.
    pub confined: bool,
    /// True where root becomes an ordinary user.
    pub drop_root: bool,
}

impl Jail {
    /// True where this process is root and can become [`WORKER_ID`].
    pub(super) fn can_drop_root() -> bool {
        let mapped = |path| {
            fs::read_to_string(path).is_ok_and(|map| {
                map.lines().any(|line| {
                    let fields: Vec<u64> = line.split_whitespace().filter_map(|field| field.parse().ok()).collect();
                    matches!(fields[..], [first, _, count] if (first..first + count).contains(&u64::from(WORKER_ID)))
                })
            })
        };
        geteuid().is_root() && mapped("/proc/self/uid_map") && mapped("/proc/self/gid_map")
    }

    /// Enters the jail; to be called only between fork and exec.
    pub(super) fn enter(&self) -> io::Result<()> {
        self.step("close files", self.keep_files())?;
        if self.confined {
            self.step("new namespaces", self.namespaces())?;
            self.step("new root", self.new_root())?;
        }
        if self.drop_root {
            self.step("ordinary user", become_worker())?;
        }
        self.step("no new privileges", nix_result(nix::sys::prctl::set_no_new_privs()))?;
        self.step("die with the server", nix_result(nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)))
    }

    fn step(&self, name: &str, result: io::Result<()>) -> io::Result<()> {
        result.inspect_err(|error| {
            let text = format!("{name}: {error}");
            // SAFETY: the file was opened before the fork and stays open until the exec.
            let file = unsafe { BorrowedFd::borrow_raw(self.complaint) };
            let _ = nix::unistd::write(file, text.as_bytes());
        })
    }

    fn keep_files(&self) -> io::Result<()> {
        for entry in fs::read_dir("/proc/self/fd")? {
            let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok()) else {
                continue;
            };
            if number > 2 {
                let flags = if self.kept.contains(&number) { FdFlag::empty() } else { FdFlag::FD_CLOEXEC };
                // SAFETY: the file was open a moment ago, and only this thread opens and closes any.
                let file = unsafe { BorrowedFd::borrow_raw(number) };
                nix_result(fcntl(file, FcntlArg::F_SETFD(flags)))?;
            }
        }
        Ok(())
    }

    fn namespaces(&self) -> io::Result<()> {
        let (uid, gid) = (geteuid(), getegid());
        let mut flags =
            CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWUTS;
        if !self.drop_root {
            flags |= CloneFlags::CLONE_NEWUSER;
        }
        nix_result(unshare(flags))?;
        if !self.drop_root {
            fs::write("/proc/self/setgroups", "deny")?;
            fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
            fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))?;
        }
        nix_result(nix::unistd::sethostname("sandbox"))?;
        let none: Option<&CStr> = None;
        nix_result(mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none))
    }

    fn new_root(&self) -> io::Result<()> {
        let none: Option<&CStr> = None;
        let nowhere = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        nix_result(mount(Some("tmpfs"), STAGE, Some("tmpfs"), nowhere, Some("mode=0755,size=4m")))?;
        chdir(STAGE)?;
        fs::create_dir("old")?;
        nix_result(pivot_root(".", "old"))?;
        chdir("/")?;
        for path in &self.needs {
            show(path)?;
        }
        fs::create_dir_all("/dev")?;
        for name in DEVICES {
            let target = Path::new("/dev").join(name);
            fs::write(&target, "")?;
            let source = Path::new("/old/dev").join(name);
            nix_result(mount(Some(&source), &target, none, MsFlags::MS_BIND, none))?;
        }
        fs::File::create("/dev/zero")?.set_len(ZERO_BYTES)?;
        fs::create_dir_all("/box/tmp")?;
        std::os::unix::fs::symlink("box/tmp", "/tmp")?;
        // Semaphores of `multiprocessing` are files there (sem_overview(7)); they count as the program's own.
        std::os::unix::fs::symlink("/box/tmp", "/dev/shm")?;
        nix_result(umount2("/old", MntFlags::MNT_DETACH))?;
        fs::remove_dir("/old")?;
        let read_only = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | nowhere;
        nix_result(mount(none, "/", none, read_only, none))
    }
}

/// Binds a path of the old root to the same path of the new one, read-only; a symbolic link stays one.
fn show(path: &Path) -> io::Result<()> {
    let none: Option<&CStr> = None;
    let inner = path.strip_prefix("/").unwrap_or(path);
    let source = Path::new("/old").join(inner);
    let kind = fs::symlink_metadata(&source)?;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    if kind.is_symlink() {
        return std::os::unix::fs::symlink(fs::read_link(&source)?, path);
    }
    if kind.is_dir() {
        fs::create_dir_all(path)?;
    } else {
        fs::write(path, "")?;
    }
    nix_result(mount(Some(&source), path, none, MsFlags::MS_BIND | MsFlags::MS_REC, none))?;
    let mut flags =
        MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    // Keep what the old mount forbids: a user namespace may not clear those flags (mount_namespaces(7)).
    let old = nix_result(statvfs(path))?.flags();
    for (theirs, ours) in [
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
        (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
    ] {
        if old.contains(theirs) {
            flags |= ours;
        }
    }
    nix_result(mount(none, path, none, flags, none))
}

fn become_worker() -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(WORKER_ID), Gid::from_raw(WORKER_ID));
    nix_result(setgroups(&[]))?;
    nix_result(setresgid(gid, gid, gid))?;
    nix_result(setresuid(uid, uid, uid))
}

fn nix_result<T>(result: nix::Result<T>) -> io::Result<T> {
    result.map_err(io::Error::from)
}
