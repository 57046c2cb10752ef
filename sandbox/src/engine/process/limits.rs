//! From a request's limits to those that the kernel enforces on a candidate.

use confine::{ProcessLimits, STACK_BYTES};
use sandbox_api::Limits;

use crate::engine::Job;

/// Processes past the limit that the kernel still lets a candidate have: the supervisor sees the excess, and does not
/// count those that have ended, as the kernel does until somebody waits for them.
const SPARE_PROCESSES: u64 = 128;

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
    let limits = job.limits();
    match job {
        Job::Command { address_space, .. } => {
            // The C library gives a thread as much address space as the main stack may take.
            let stacks = limits.processes.saturating_mul(STACK_BYTES);
            let mut of_process = process_limits(limits, *address_space);
            of_process.address_space = of_process.address_space.map(|bytes| bytes.saturating_add(stacks));
            of_process
        }
        _ => process_limits(limits, true),
    }
}
