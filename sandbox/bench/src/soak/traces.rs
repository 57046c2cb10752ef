//! Traces that a server leaves in its process and on its machine: processes, open files, mounts, threads, files,
//! memory.

use std::collections::BTreeSet;
use std::{fs, io};

use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

use super::programs::MARKER;

/// Bytes by which resident memory may grow, for allocators and caches keep some.
const MEMORY_GROWTH: u64 = 96 << 20;

/// All traces at one moment.
#[derive(Debug, Clone)]
pub(super) struct Traces {
    processes: BTreeSet<u32>,
    /// What the open files are, as `/proc/self/fd` says, sorted.
    files: Vec<String>,
    num_mounts: usize,
    /// Names of threads, without those of the async runtime, which keeps them for a while.
    threads: Vec<String>,
    left_behind: BTreeSet<String>,
    resident_bytes: u64,
}

impl Traces {
    /// Takes stock; children that have ended are reaped.
    pub(super) fn take() -> io::Result<Self> {
        while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            if status == WaitStatus::StillAlive {
                break;
            }
        }
        Ok(Self {
            processes: children()?,
            files: open_files()?,
            num_mounts: fs::read_to_string("/proc/self/mountinfo")?.lines().count(),
            threads: threads()?,
            left_behind: left_behind(),
            resident_bytes: resident_bytes()?,
        })
    }

    /// Resident memory of this process in bytes.
    pub(super) fn resident_bytes(&self) -> u64 {
        self.resident_bytes
    }

    /// Traces that are here and not in `before`, in words.
    pub(super) fn leaks_since(&self, before: &Traces) -> Vec<String> {
        let mut leaks = Vec::new();
        for process in self.processes.difference(&before.processes) {
            let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
            leaks.push(format!("process {process} ({})", name.trim()));
        }
        if self.files.len() > before.files.len() {
            let opened: Vec<_> = self.files.iter().filter(|file| !before.files.contains(file)).collect();
            leaks.push(format!("{} open files, among {opened:?}", self.files.len() - before.files.len()));
        }
        if self.num_mounts > before.num_mounts {
            leaks.push(format!("{} mounts", self.num_mounts - before.num_mounts));
        }
        if self.threads.len() > before.threads.len() {
            leaks.push(format!("threads: {:?} where there were {:?}", self.threads, before.threads));
        }
        leaks.extend(self.left_behind.difference(&before.left_behind).map(|path| format!("file {path}")));
        if self.resident_bytes > before.resident_bytes + MEMORY_GROWTH {
            leaks.push(format!("{} MiB of memory", (self.resident_bytes - before.resident_bytes) >> 20));
        }
        leaks
    }
}

/// The children of this process, adopted orphans included, without zombies.
fn children() -> io::Result<BTreeSet<u32>> {
    let mut found = BTreeSet::new();
    for task in fs::read_dir("/proc/self/task")? {
        // A thread may end meanwhile: its file is gone then.
        let text = fs::read_to_string(task?.path().join("children")).unwrap_or_default();
        found.extend(text.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
    }
    let is_zombie = |id: &u32| match fs::read_to_string(format!("/proc/{id}/stat")) {
        Ok(stat) => stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')),
        Err(_) => true,
    };
    found.retain(|id| !is_zombie(id));
    Ok(found)
}

fn open_files() -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        // A file may be closed meanwhile: its link is gone then.
        let Ok(target) = fs::read_link(entry?.path()) else { continue };
        files.push(target.display().to_string());
    }
    files.sort();
    Ok(files)
}

fn threads() -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for task in fs::read_dir("/proc/self/task")? {
        let name = fs::read_to_string(task?.path().join("comm")).unwrap_or_default();
        if !name.starts_with("tokio-") {
            names.push(name.trim().to_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn left_behind() -> BTreeSet<String> {
    let folders = [".".into(), std::env::temp_dir(), "/var/tmp".into(), "/dev/shm".into(), "/".into()];
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    entries.map(|entry| entry.path().display().to_string()).filter(|path| path.contains(MARKER)).collect()
}

fn resident_bytes() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kilobytes.unwrap_or(0) * 1024)
}
