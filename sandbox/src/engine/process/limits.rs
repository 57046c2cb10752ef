//! From a request's limits to those that the kernel enforces on a candidate.

use confine::ProcessLimits;
use sandbox_api::Limits;

use crate::engine::Job;

/// Processes past the limit that the kernel still lets a candidate have, so that the supervisor sees the excess.
const SPARE_PROCESSES: u64 = 4;

/// Bytes, on top of the program's own, that an interpreter holds in reserve and gives back before it reports an error.
pub(super) const RESERVE_BYTES: u64 = 4 << 20;

/// The kernel's limits for a program under `limits`.
pub(super) fn process_limits(limits: &Limits, limits_address_space: bool) -> ProcessLimits {
    ProcessLimits {
        cpu_seconds: (limits.cpu_seconds.ceil() as u64).max(1),
        processes: limits.processes.saturating_add(SPARE_PROCESSES),
        file_bytes: limits.file_bytes,
        address_space: limits_address_space.then(|| limits.memory_bytes.saturating_add(RESERVE_BYTES)),
    }
}

/// The kernel's limits for a job.
pub(super) fn process_limits_of(job: &Job<'_>) -> ProcessLimits {
    process_limits(job.limits(), !matches!(job, Job::Command { address_space: false, .. }))
}
