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

impl Calendar {
    /// Number of evaluations of a run that nobody interrupts.
    pub(crate) fn num_evaluations(&self) -> u64 {
        let ends_between = self.eval_every > 0 && self.steps.is_multiple_of(self.eval_every);
        let at_end = u64::from(self.eval_at_end && !ends_between);
        u64::from(self.eval_at_start) + self.steps.checked_div(self.eval_every).unwrap_or(0) + at_end
    }

    /// Number of checkpoints that such a run writes.
    pub(crate) fn num_checkpoints(&self) -> u64 {
        let ends_between = self.checkpoint_every > 0 && self.steps.is_multiple_of(self.checkpoint_every);
        self.steps.checked_div(self.checkpoint_every).unwrap_or(0) + u64::from(!ends_between)
    }
}

/// Choice of a step's groups.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refill {
    /// Number of groups to learn from.
    pub wanted: usize,
    /// True where groups whose rewards are all equal are left out and replaced.
    pub replaces: bool,
    /// Number of draws under way where a step's unfinished rollouts go on in the next; none where a step ends what it
    /// begins.
    pub in_flight: Option<usize>,
    /// Most draws of a step; its batch is then what there is.
    pub max_draws: usize,
    /// Number of decode steps between a group's end and its replacement's start, in which its verdicts must come.
    pub lag: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_at_the_end_is_not_done_twice() {
        let calendar = |steps, every| Calendar {
            steps,
            eval_every: every,
            eval_at_start: true,
            eval_at_end: true,
            checkpoint_every: every,
            checkpoints_kept: 2,
            grace: None,
        };
        let counts =
            |steps, every| (calendar(steps, every).num_evaluations(), calendar(steps, every).num_checkpoints());
        assert_eq!([counts(10, 5), counts(11, 5), counts(11, 0), counts(3, 5)], [(3, 2), (4, 3), (2, 1), (2, 1)]);
    }
}
