//! Control groups, version 2 (cgroups(7)): a second limit, held by the kernel, on the memory and the processes of all
//! that a worker starts, together. Used where this process may make groups below its own.
//!
//! Knows nothing of how programs are run.
//!
//! A group that holds processes can have no groups with limits below it ("no internal processes"), so the server's
//! process first moves into a group beside those of its workers.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{fs, io};

use sandbox_api::Limits;

/// The group that the server's process moves into.
const OWN: &str = "ponder-server";
/// Prefix of the names of workers' groups; the server's process id and a number follow.
const WORKER: &str = "ponder-worker-";
/// The controllers that hold the limits.
const CONTROLLERS: [&str; 2] = ["memory", "pids"];
/// Room for what a worker holds beside a program: the warm interpreter, and the processes that stand by.
const SPARE_BYTES: u64 = 128 << 20;
const SPARE_PROCESSES: u64 = 16;
/// Bytes that a judge may hold.
const JUDGE_BYTES: u64 = 512 << 20;
/// Seconds that the killed processes of a group may take to be gone.
const END_SECONDS: u64 = 2;

/// Number of groups that this process has made; part of their names.
static NUM_MADE: AtomicU32 = AtomicU32::new(0);

/// Folder in which groups can be made.
#[derive(Debug)]
pub(super) struct Groups {
    parent: PathBuf,
}

impl Groups {
    /// Finds this process's group and readies it for groups below it.
    ///
    /// # Errors
    /// Why no groups can be made, for people.
    pub(super) fn prepare() -> Result<Self, String> {
        let read = |path: &str| fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
        let own = own_group(&read("/proc/self/mountinfo")?, &read("/proc/self/cgroup")?)
            .ok_or("control groups of version 2 are not mounted")?;
        let is_aside = own.ends_with(OWN);
        let parent = if is_aside { own.parent().unwrap_or(&own).to_owned() } else { own };
        let problem = |what: &str, error: io::Error| format!("{}: {what}: {error}", parent.display());
        let listed = |name: &str| fs::read_to_string(parent.join(name)).map_err(|error| problem(name, error));
        let has_all =
            |names: &str| CONTROLLERS.iter().all(|controller| names.split_whitespace().any(|name| name == *controller));
        if !has_all(&listed("cgroup.controllers")?) {
            return Err(format!("{}: the controllers memory and pids are not to be had here", parent.display()));
        }
        if !has_all(&listed("cgroup.subtree_control")?) {
            hand_down(&parent, is_aside).map_err(|error| problem("cannot be divided", error))?;
        }
        remove_left_behind(&parent);
        let groups = Self { parent: parent.clone() };
        // Whoever may hand down controllers need not be allowed to make groups or to move processes: try both.
        groups.make().map_err(|error| problem("no group can be made in it", error))?;
        let moves = fs::File::options().write(true).open(parent.join("cgroup.procs"));
        moves.map_err(|error| problem("no process can be moved in it", error))?;
        Ok(groups)
    }

    /// Makes a group without processes.
    pub(super) fn make(&self) -> io::Result<Group> {
        let path = loop {
            let number = NUM_MADE.fetch_add(1, Ordering::Relaxed);
            let path = self.parent.join(format!("{WORKER}{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                // The group is another server's, whose process had the same id.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => break made.map(|()| path)?,
            }
        };
        let group = Group { path, applied: None };
        // A kernel that was built without swap has no such file.
        match group.write("memory.swap.max", "0") {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(group),
        }
    }
}

/// Hands the controllers down to groups below `parent`. Where the kernel refuses because processes are in `parent`,
/// moves this process aside, unless it is already (`is_aside`), and back if that was not enough.
fn hand_down(parent: &Path, is_aside: bool) -> io::Result<()> {
    let control = parent.join("cgroup.subtree_control");
    let add = || fs::write(&control, CONTROLLERS.map(|name| format!("+{name}")).join(" "));
    let explain = |error: io::Error| match error.kind() {
        io::ErrorKind::ResourceBusy => io::Error::other("other processes are in the group: give the server its own"),
        _ => error,
    };
    match add() {
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy && !is_aside => {}
        result => return result.map_err(explain),
    }
    let own = parent.join(OWN);
    let is_new = match fs::create_dir(&own) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        made => made.is_ok(),
    };
    fs::write(own.join("cgroup.procs"), "0").and_then(|()| add()).map_err(|error| {
        let _ = fs::write(parent.join("cgroup.procs"), "0");
        if is_new {
            let _ = fs::remove_dir(&own);
        }
        explain(error)
    })
}

/// Removes the groups of servers that are gone: those of a killed server stay, without a process.
fn remove_left_behind(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let server = name.to_str().and_then(|name| name.strip_prefix(WORKER)?.split_once('-')?.0.parse().ok());
        let is_gone = |server: u32| match server == std::process::id() {
            true => NUM_MADE.load(Ordering::Relaxed) == 0,
            false => !Path::new("/proc").join(server.to_string()).exists(),
        };
        if server.is_some_and(is_gone) {
            // The kernel does not remove a group that has processes.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// Folder of a process's group, from the process's `mountinfo` and `cgroup` files.
fn own_group(mountinfo: &str, cgroup: &str) -> Option<PathBuf> {
    let within = cgroup.lines().find_map(|line| line.strip_prefix("0::"))?;
    mountinfo.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let [_, _, _, root, mounted, ..] = before.split(' ').collect::<Vec<_>>()[..] else { return None };
        if after.split(' ').next() != Some("cgroup2") {
            return None;
        }
        // Both paths are seen from the same namespace; the mount may show a part of the whole tree.
        let below = Path::new(within).strip_prefix(root).ok()?;
        Some(Path::new(mounted).join(below))
    })
}

/// Group of one worker; dropping it kills every process in the group.
#[derive(Debug)]
pub(super) struct Group {
    path: PathBuf,
    /// Limits in force: bytes and number of processes.
    applied: Option<(u64, u64)>,
}

impl Group {
    /// Moves a process into the group; whatever the process starts later is in the group too.
    pub(super) fn enter(&self, process: u32) -> io::Result<()> {
        self.write("cgroup.procs", &process.to_string())
    }

    /// Sets the limits for the next program: its memory and files, and what the worker itself needs.
    pub(super) fn apply(&mut self, limits: &Limits, is_judged: bool) -> io::Result<()> {
        let judge = if is_judged { JUDGE_BYTES } else { 0 };
        let bytes = [limits.file_bytes, SPARE_BYTES, judge]
            .iter()
            .fold(limits.memory_bytes, |sum, part| sum.saturating_add(*part));
        let processes = limits.processes.saturating_add(SPARE_PROCESSES);
        if self.applied != Some((bytes, processes)) {
            self.write("memory.max", &bytes.to_string())?;
            self.write("pids.max", &processes.to_string())?;
            self.applied = Some((bytes, processes));
        }
        Ok(())
    }

    /// Number of processes that the kernel has killed so far for want of memory.
    pub(super) fn num_killed(&self) -> io::Result<u64> {
        let events = fs::read_to_string(self.path.join("memory.events"))?;
        let killed = events.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok());
        Ok(killed.unwrap_or(0))
    }

    fn write(&self, name: &str, value: &str) -> io::Result<()> {
        let file = fs::File::options().write(true).open(self.path.join(name));
        file.and_then(|mut file| io::Write::write_all(&mut file, value.as_bytes()))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Before Linux 5.14 there is no such file; there the server ends the processes that it knows of, one by one.
        let _ = self.write("cgroup.kill", "1");
        let deadline = Instant::now() + Duration::from_secs(END_SECONDS);
        while let Err(error) = fs::remove_dir(&self.path) {
            if error.kind() != io::ErrorKind::ResourceBusy || Instant::now() > deadline {
                tracing::warn!(group = %self.path.display(), %error, "a control group is left behind");
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_kernel_ends_what_is_past_the_limit() {
        let groups = match Groups::prepare() {
            Ok(groups) => groups,
            Err(reason) => return eprintln!("left out: {reason}"),
        };
        let mut group = groups.make().unwrap();
        let path = group.path.clone();
        group.apply(&Limits { memory_bytes: 64 << 20, file_bytes: 0, ..Limits::default() }, false).unwrap();
        let mut child = Command::new("sh");
        // `tail` holds all that it reads. The shell waits for a line first, so that it is in the group by then.
        child.args(["-c", "read line; head -c 1000000000 /dev/zero | tail -c 999999999"]).stdout(Stdio::null());
        let mut child = child.stdin(Stdio::piped()).spawn().unwrap();
        group.enter(child.id()).unwrap();
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
        assert!(!child.wait().unwrap().success());
        assert!(group.num_killed().unwrap() > 0);
        let mut left = Command::new("sleep").arg("60").spawn().unwrap();
        group.enter(left.id()).unwrap();
        drop(group);
        assert!(!path.exists() && !left.wait().unwrap().success(), "what was in the group is gone with it");
    }

    #[test]
    fn the_group_is_found_in_containers_and_out_of_them() {
        let host = "26 23 0:22 / /sys rw shared:2 - sysfs sysfs rw\n\
                    30 26 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        let found = own_group(host, "0::/user.slice/session-2.scope\n").unwrap();
        assert_eq!(found, Path::new("/sys/fs/cgroup/user.slice/session-2.scope"));
        let container = "700 699 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate\n";
        assert_eq!(own_group(container, "0::/\n").unwrap(), Path::new("/sys/fs/cgroup"));
        let part = "700 699 0:26 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup rw\n";
        assert_eq!(own_group(part, "0::/docker/abc/inner\n").unwrap(), Path::new("/sys/fs/cgroup/inner"));
        let hybrid = "33 32 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        assert_eq!(own_group(hybrid, "4:memory:/a\n0::/\n").unwrap(), Path::new("/sys/fs/cgroup/unified"));
        assert_eq!(
            own_group("33 32 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n", "4:memory:/\n"),
            None
        );
    }
}
