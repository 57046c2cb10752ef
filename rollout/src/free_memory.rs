//! Memory of the host that a process may still take, within the limits of its container (proc(5); cgroups(7), of both
//! versions). Must not know what it is for.

use std::path::{Path, PathBuf};

/// Bytes that this process may still take: what the system calls available, and no more than its control groups, or
/// those above them, allow. None where the system does not say.
pub fn free_memory() -> Option<u64> {
    free_of_host(Path::new("/"))
}

/// As [`free_memory`], by the files under `root`.
fn free_of_host(root: &Path) -> Option<u64> {
    let meminfo = std::fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let available = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let available: u64 = available.trim().strip_suffix("kB")?.trim().parse().ok()?;
    let groups = std::fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let of_groups = groups.lines().filter_map(|line| free_of_group(root, line)).min();
    Some((available * 1024).min(of_groups.unwrap_or(u64::MAX)))
}

/// What a line of `/proc/self/cgroup` leaves free; none where it sets no limit to memory.
fn free_of_group(root: &Path, line: &str) -> Option<u64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, path) = (parts.next()?, parts.next()?);
    let (mount, [limit, usage], cache) = match controllers {
        "" => ("sys/fs/cgroup", ["memory.max", "memory.current"], "inactive_file "),
        _ if controllers.split(',').any(|name| name == "memory") => {
            ("sys/fs/cgroup/memory", ["memory.limit_in_bytes", "memory.usage_in_bytes"], "total_inactive_file ")
        }
        _ => return None,
    };
    let mount = root.join(mount);
    let number = |file: PathBuf| std::fs::read_to_string(file).ok()?.trim().parse::<u64>().ok();
    let free = |group: &Path| {
        let group = mount.join(group);
        let limit = number(group.join(limit))?;
        let stat = std::fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
        // Files that were read and are not in use make room when it is needed.
        let cached = stat.lines().find_map(|line| line.strip_prefix(cache)?.trim().parse::<u64>().ok());
        let used = number(group.join(usage))?.saturating_sub(cached.unwrap_or(0));
        Some(limit.saturating_sub(used))
    };
    Path::new(path.trim_start_matches('/')).ancestors().filter_map(free).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal: 2000 kB\nMemAvailable:    1000 kB\n");

    #[test]
    fn without_limits_all_that_is_available_is_free() {
        assert_eq!(free_of_host(root(&[]).path()), None);
        assert_eq!(free_of_host(root(&[MEMINFO]).path()), Some(1_024_000));
        let unlimited = [
            MEMINFO,
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("sys/fs/cgroup/a/b/memory.current", "5000\n"),
        ];
        assert_eq!(free_of_host(root(&unlimited).path()), Some(1_024_000));
    }

    #[test]
    fn a_container_s_limit_counts_also_where_a_group_above_sets_it() {
        let second = [
            MEMINFO,
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/memory.max", "900000\n"),
            ("sys/fs/cgroup/a/memory.current", "500000\n"),
            ("sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 100000\n"),
        ];
        assert_eq!(free_of_host(root(&second).path()), Some(500_000));
        let first = [
            MEMINFO,
            ("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/not/seen/inside\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "700000\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "300000\n"),
        ];
        assert_eq!(free_of_host(root(&first).path()), Some(400_000));
    }
}
