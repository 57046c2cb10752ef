//! Counts the cases of one submission in their order, and ends as its report.

use sandbox_api::{GradeReport, GradeRequest, GradeVerdict, cut};

use super::attempt::Attempt;
use super::outcome::Failure;
use crate::engine::Lack;

/// The cases of one submission that were counted so far.
pub(super) struct Tally<'a> {
    request: &'a GradeRequest,
    num_passed: usize,
    seconds: f64,
    first_failure: Option<Failure>,
    /// What the engine lacked in the first case that stopped for want of it.
    lack: Option<Lack>,
}

impl<'a> Tally<'a> {
    /// No case counted.
    pub(super) fn new(request: &'a GradeRequest) -> Self {
        Self { request, num_passed: 0, seconds: 0.0, first_failure: None, lack: None }
    }

    /// The report on a submission of which no case was run.
    pub(super) fn refused(request: &'a GradeRequest, failure: Failure) -> Attempt<GradeReport> {
        Self { first_failure: Some(failure), ..Self::new(request) }.report()
    }

    /// Counts case `index`; true where the cases after it count too.
    pub(super) fn count(&mut self, index: usize, seconds: f64, result: Result<(), Failure>) -> bool {
        self.seconds += seconds;
        // A case that ran beside others may have run for longer than those before it left to it.
        if result.is_ok() && self.seconds > self.request.limits.submission_seconds {
            self.miss(index);
            return false;
        }
        let Err((verdict, reason)) = result else {
            self.num_passed += 1;
            return self.has_time(index);
        };
        if self.lack.is_none() {
            self.lack = Lack::of_failure(verdict, &reason);
        }
        let (number, all) = (index + 1, self.request.tests.len());
        self.first_failure.get_or_insert_with(|| (verdict, cut(&format!("case {number} of {all}: {reason}"))));
        !self.request.stop_at_first_failure && verdict != GradeVerdict::TimeLimit && self.has_time(index)
    }

    /// True where the submission has time for the case after `index`.
    fn has_time(&mut self, index: usize) -> bool {
        let has_time = self.seconds < self.request.limits.submission_seconds || index + 1 == self.request.tests.len();
        if !has_time {
            self.miss(index + 1);
        }
        has_time
    }

    /// Counts a case that was not run for want of time.
    pub(super) fn miss(&mut self, index: usize) {
        let (most, all) = (self.request.limits.submission_seconds, self.request.tests.len());
        let reason = format!("case {} of {all}: the submission used up its {most} s", index + 1);
        self.first_failure.get_or_insert((GradeVerdict::TimeLimit, reason));
    }

    /// The verdict: the first failure, or `passed`.
    pub(super) fn report(self) -> Attempt<GradeReport> {
        let (verdict, reason) = self.first_failure.unwrap_or((GradeVerdict::Passed, String::new()));
        let num_tests = self.request.tests.len();
        let Self { num_passed, seconds, lack, .. } = self;
        let report = GradeReport { verdict, num_passed, num_tests, reason, seconds, engine: None, unmet_need: None };
        Attempt { report, lack }
    }
}
