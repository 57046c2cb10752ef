//! The cases of one submission, for the worker thread that serves it and the idle ones that help: each takes the next
//! case and puts its outcome back. The verdict is that of running the cases one after another, whoever ran which.

use std::sync::{Arc, Condvar, Mutex};

use sandbox_api::{GradeReport, GradeRequest, GradeVerdict, Limits};

use super::attempt::Attempt;
use super::case::Case;
use super::outcome::CaseOutcome;
use super::program::Program;
use super::tally::Tally;
use crate::SandboxError;
use crate::engine::Worker;
use crate::lock::{lock, wait};

/// The cases of one submission, in their order.
pub(super) struct CaseQueue {
    request: Arc<GradeRequest>,
    program: Program,
    progress: Mutex<Progress>,
    came_back: Condvar,
}

struct Progress {
    /// The first case that no thread has taken.
    next: usize,
    /// Cases whose helper was lost, to be taken again.
    returned: Vec<usize>,
    /// Cases that helpers run now.
    helped: Vec<usize>,
    /// Cases from this one on do not count.
    end: usize,
    results: Vec<Option<Result<CaseOutcome, SandboxError>>>,
}

impl CaseQueue {
    /// All cases open.
    pub(super) fn new(request: Arc<GradeRequest>, program: Program) -> Self {
        let end = request.tests.len();
        let results = (0..end).map(|_| None).collect();
        let progress = Progress { next: 0, returned: Vec::new(), helped: Vec::new(), end, results };
        Self { request, program, progress: Mutex::new(progress), came_back: Condvar::new() }
    }

    /// Number of cases that no thread has taken.
    pub(super) fn num_open(&self) -> usize {
        let progress = lock(&self.progress);
        progress.end.saturating_sub(progress.next)
            + progress.returned.iter().filter(|index| **index < progress.end).count()
    }

    /// Runs cases until none is open, and waits for those that helpers run; a case comes back where its helper fails.
    /// `offer_cases` is told how many are open.
    ///
    /// # Errors
    /// [`SandboxError::WorkerLost`]: the worker is of no more use. A case's own error is kept for the report.
    pub(super) fn work(
        &self,
        worker: &mut Worker,
        is_cancelled: &dyn Fn() -> bool,
        offer_cases: &dyn Fn(usize),
    ) -> Result<(), SandboxError> {
        while let Some((index, limits)) = self.take_or_wait() {
            match self.num_open() {
                0 => {}
                open => offer_cases(open),
            }
            let outcome = self.run(worker, index, &limits);
            if let Err(SandboxError::WorkerLost(_)) = outcome {
                self.close();
                return outcome.map(|_| ());
            }
            self.put(index, outcome);
            if is_cancelled() {
                self.close();
            }
        }
        Ok(())
    }

    /// Runs cases for the thread that serves the submission, until none is open.
    ///
    /// # Errors
    /// [`SandboxError::WorkerLost`]: the worker is of no more use; its case is open again.
    pub(super) fn help(&self, worker: &mut Worker, is_cancelled: &dyn Fn() -> bool) -> Result<(), SandboxError> {
        while let Some((helped, limits)) = self.take_to_help() {
            let outcome = self.run(worker, helped.index, &limits);
            if let Err(SandboxError::WorkerLost(_)) = outcome {
                return outcome.map(|_| ());
            }
            // Cancelling may kill the worker, and its end looks like a program that failed.
            if is_cancelled() {
                return Ok(());
            }
            if worker.has_ended() {
                return Err(SandboxError::WorkerLost("it ended while it had a case".to_owned()));
            }
            self.put(helped.index, outcome);
        }
        Ok(())
    }

    fn run(&self, worker: &mut Worker, index: usize, limits: &Limits) -> Result<CaseOutcome, SandboxError> {
        Case { request: &self.request, program: &self.program, index, limits }.run(worker)
    }

    /// The verdict, as if the cases had been run in order.
    ///
    /// # Errors
    /// The first case in order that cannot be run.
    pub(super) fn report(&self) -> Result<Attempt<GradeReport>, SandboxError> {
        let mut tally = Tally::new(&self.request);
        let mut progress = lock(&self.progress);
        progress.end = 0;
        for (index, result) in std::mem::take(&mut progress.results).into_iter().enumerate() {
            let Some(outcome) = result else {
                // No thread began it: the queue was closed, or the submission's time was up.
                tally.miss(index);
                break;
            };
            let CaseOutcome { seconds, result } = outcome?;
            if !tally.count(index, seconds, result) {
                break;
            }
        }
        Ok(tally.report())
    }

    /// No more cases can be taken.
    fn close(&self) {
        lock(&self.progress).end = 0;
        self.came_back.notify_all();
    }

    /// The next case; waits while helpers run cases that may come back.
    fn take_or_wait(&self) -> Option<(usize, Limits)> {
        let mut progress = lock(&self.progress);
        loop {
            if let Some(taken) = progress.take(&self.request.limits) {
                return Some(taken);
            }
            let end = progress.end;
            if !progress.helped.iter().any(|index| *index < end) {
                return None;
            }
            progress = wait(&self.came_back, progress);
        }
    }

    fn take_to_help(&self) -> Option<(Helped<'_>, Limits)> {
        let mut progress = lock(&self.progress);
        let (index, limits) = progress.take(&self.request.limits)?;
        progress.helped.push(index);
        Some((Helped { cases: self, index }, limits))
    }

    fn put(&self, index: usize, outcome: Result<CaseOutcome, SandboxError>) {
        let is_last = match &outcome {
            Ok(CaseOutcome { result: Err((verdict, _)), .. }) => {
                self.request.stop_at_first_failure || *verdict == GradeVerdict::TimeLimit
            }
            Ok(_) => false,
            Err(_) => true,
        };
        let mut progress = lock(&self.progress);
        // The report has taken the results: an outcome that comes later is dropped.
        if let Some(result) = progress.results.get_mut(index) {
            *result = Some(outcome);
        }
        if is_last {
            progress.end = progress.end.min(index + 1);
        }
    }
}

impl Progress {
    /// The next case in order; its time limit is what the cases before it left of the submission's time.
    fn take(&mut self, limits: &Limits) -> Option<(usize, Limits)> {
        let returned = self.returned.iter().copied().min();
        let index = returned.unwrap_or(self.next);
        let spent =
            |outcome: &Result<CaseOutcome, SandboxError>| outcome.as_ref().map_or(0.0, |outcome| outcome.seconds);
        if index >= self.end {
            return None;
        }
        let left = limits.submission_seconds - self.results[..index].iter().flatten().map(spent).sum::<f64>();
        if left <= 0.0 {
            return None;
        }
        match returned {
            Some(_) => self.returned.retain(|other| *other != index),
            None => self.next += 1,
        }
        Some((index, Limits { wall_seconds: limits.wall_seconds.min(left.max(0.01)), ..limits.clone() }))
    }
}

/// A case that a helper runs; open again when dropped without an outcome.
struct Helped<'a> {
    cases: &'a CaseQueue,
    index: usize,
}

impl Drop for Helped<'_> {
    fn drop(&mut self) {
        let mut progress = lock(&self.cases.progress);
        progress.helped.retain(|index| *index != self.index);
        if progress.results.get(self.index).is_some_and(Option::is_none) {
            progress.returned.push(self.index);
        }
        drop(progress);
        self.cases.came_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use sandbox_api::{Language, StdioCase, Tests};

    use super::*;

    #[test]
    fn a_case_that_comes_back_after_the_report_is_dropped() {
        let case = StdioCase { input: String::new(), output: String::new() };
        let request = GradeRequest {
            code: "pass".to_owned(),
            language: Language::Python,
            engine: None,
            tests: Tests::Stdio { cases: vec![case; 3] },
            limits: Limits::default(),
            stop_at_first_failure: true,
        };
        let cases = CaseQueue::new(Arc::new(request), Program::Python);
        let failed = Err((GradeVerdict::WrongAnswer, "wrong".to_owned()));
        let (first, _) = cases.take_or_wait().unwrap();
        let (helped, _) = cases.take_to_help().unwrap();
        cases.put(first, Ok(CaseOutcome { seconds: 0.1, result: failed }));
        assert!(cases.take_or_wait().is_none(), "the helped case does not count any more");
        let report = cases.report().unwrap().report;
        assert_eq!((report.verdict, report.reason.as_str()), (GradeVerdict::WrongAnswer, "case 1 of 3: wrong"));
        cases.put(helped.index, Ok(CaseOutcome { seconds: 0.1, result: Ok(()) }));
        drop(helped);
        assert!(cases.take_to_help().is_none());
    }
}
