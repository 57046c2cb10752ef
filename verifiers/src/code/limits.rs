//! The limits of programs. They must not depend on what a program is asked.

use sandbox_api::Limits;

/// Wall-clock seconds of a test for each second of processor time, and beside them, where a task limits processor time:
/// a busy machine must not decide.
const WALL_PER_CPU: f64 = 4.0;
const WALL_BESIDE: f64 = 10.0;
/// Most wall-clock seconds that are asked for; a server grants this many unless its settings say otherwise.
pub(super) const MOST_WALL: f64 = 120.0;
/// Bytes of memory that a program of a public suite may use; the suites' own judges give 4 GB.
pub(super) const SUITE_MEMORY: u64 = 2 << 30;

/// The limits of a test: the configuration's, but where the task limits processor time, and more memory in a suite.
pub(super) fn limits_of(limits: &Limits, cpu_seconds: Option<f64>, is_suite: bool) -> Limits {
    let mut limits = limits.clone();
    if let Some(cpu_seconds) = cpu_seconds {
        limits.cpu_seconds = cpu_seconds;
        limits.wall_seconds = (cpu_seconds * WALL_PER_CPU + WALL_BESIDE).min(MOST_WALL);
    }
    if is_suite {
        limits.memory_bytes = limits.memory_bytes.max(SUITE_MEMORY);
    }
    limits
}
