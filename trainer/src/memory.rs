//! The memory of this process, as Linux counts it.

/// Largest resident size of the process so far, in bytes.
pub(crate) fn peak_memory() -> Option<u64> {
    size("VmHWM:")
}

/// Resident size of the process now, in bytes.
pub(crate) fn resident_memory() -> Option<u64> {
    size("VmRSS:")
}

/// A size in bytes, under its name in /proc/self/status (proc(5)).
fn size(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}
