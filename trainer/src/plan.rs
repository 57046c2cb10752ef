//! Settings of a run as its loop takes them: resolved from the configuration, which is no longer seen there.

use std::time::Duration;

/// Times of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calendar {
    /// Number of steps.
    pub steps: u64,
    /// Number of steps between two evaluations; 0 for none between.
    pub eval_every: u64,
    /// True where an evaluation comes before the first step.
    pub eval_at_start: bool,
    /// True where an evaluation comes after the last step.
    pub eval_at_end: bool,
    /// Number of steps between two checkpoints, besides the one after the last step; 0 leaves only that one.
    pub checkpoint_every: u64,
    /// Number of newest checkpoints that are kept; 0 keeps all.
    pub checkpoints_kept: usize,
    /// Longest time from a signal to stop until the step is done and saved; none for as long as it takes.
    pub grace: Option<Duration>,
}

/// Choice of a step's groups.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refill {
    /// Number of groups to learn from.
    pub wanted: usize,
    /// True where groups whose rewards are all equal are left out and replaced.
    pub replaces: bool,
    /// Most draws of a step; its batch is then what there is.
    pub max_draws: usize,
    /// Number of decode steps between a group's end and its replacement's start, in which its verdicts must come.
    pub lag: u64,
}
