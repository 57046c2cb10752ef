//! The end of one job in an instance: its status, its time and memory, and all that it left.

use super::time_budget::TimeBudget;
use crate::engine::RunEnd;

/// The end of one job.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) end: RunEnd,
    pub(super) code: i32,
    pub(super) detail: String,
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
    pub(super) peak_bytes: u64,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
    pub(super) returned: Vec<u8>,
    /// The judge's findings as JSON; `None` without a judge, or where the judge ended early.
    pub(super) judged: Option<String>,
}

impl Ended {
    /// A candidate that left nothing: it never started, or ended with its judge.
    pub(super) fn without_trace(budget: TimeBudget) -> Self {
        Self {
            end: RunEnd::Exited,
            code: 0,
            detail: String::new(),
            seconds: budget.elapsed().as_secs_f64(),
            cpu_seconds: budget.elapsed_cpu().as_secs_f64(),
            peak_bytes: 0,
            stdout: Vec::new(),
            stderr: Vec::new(),
            returned: Vec::new(),
            judged: None,
        }
    }
}
