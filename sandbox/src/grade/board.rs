//! The cases of one submission, for the lane that has it and those that help: each takes the next case and puts its result
//! back. The verdict is that of running them one after another, whoever ran which.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use sandbox_api::{GradeReport, GradeRequest, GradeVerdict, Limits};

use super::case::Case;
use super::program::Program;
use super::{Failure, Tally};
use crate::SandboxError;
use crate::engine::Worker;
use crate::pool::held;

/// What a case came to.
pub(super) struct Done {
    /// Seconds that its programs ran.
    pub seconds: f64,
    pub result: Result<(), Failure>,
}

/// The cases of one submission.
pub(crate) struct Board {
    request: Arc<GradeRequest>,
    program: Program,
    state: Mutex<State>,
    came_back: Condvar,
}

struct State {
    /// The first case that nobody has taken.
    next: usize,
    /// Cases whose worker was lost, to be taken again.
    returned: Vec<usize>,
    /// Cases that helpers are at.
    helped: Vec<usize>,
    /// No case from this one on counts.
    end: usize,
    results: Vec<Option<Result<Done, SandboxError>>>,
}

impl Board {
    /// A board with every case on it.
    pub(super) fn new(request: Arc<GradeRequest>, program: Program) -> Self {
        let end = request.tests.len();
        let results = (0..end).map(|_| None).collect();
        let state = State { next: 0, returned: Vec::new(), helped: Vec::new(), end, results };
        Self { request, program, state: Mutex::new(state), came_back: Condvar::new() }
    }

    /// Cases that nobody has taken.
    pub fn num_open(&self) -> usize {
        let state = held(&self.state);
        state.end.saturating_sub(state.next) + state.returned.iter().filter(|index| **index < state.end).count()
    }

    /// Runs cases until none is open. What helpers have in hand is waited for, and run here where they fail.
    ///
    /// # Errors
    /// [`SandboxError::WorkerLost`]: the worker is of no more use. What is wrong with a case is kept for the report.
    pub fn work(
        &self,
        worker: &mut Worker,
        is_cancelled: &dyn Fn() -> bool,
        call_help: &dyn Fn(usize),
    ) -> Result<(), SandboxError> {
        while let Some((index, limits)) = self.take_or_wait() {
            match self.num_open() {
                0 => {}
                open => call_help(open),
            }
            let done = self.run(worker, index, &limits);
            if let Err(SandboxError::WorkerLost(_)) = done {
                self.close();
                return done.map(|_| ());
            }
            self.put(index, done);
            if is_cancelled() {
                self.close();
            }
        }
        Ok(())
    }

    /// Runs cases for the lane that has the submission until none is open.
    ///
    /// # Errors
    /// [`SandboxError::WorkerLost`]: the worker is of no more use; its case is open again.
    pub fn help(&self, worker: &mut Worker, is_cancelled: &dyn Fn() -> bool) -> Result<(), SandboxError> {
        while let Some((helped, limits)) = self.take_to_help() {
            let done = self.run(worker, helped.index, &limits);
            if let Err(SandboxError::WorkerLost(_)) = done {
                return done.map(|_| ());
            }
            // A worker that was killed may look like a program that failed.
            if is_cancelled() {
                return Ok(());
            }
            if worker.has_ended() {
                return Err(SandboxError::WorkerLost("it ended while it had a case".to_owned()));
            }
            self.put(helped.index, done);
        }
        Ok(())
    }

    fn run(&self, worker: &mut Worker, index: usize, limits: &Limits) -> Result<Done, SandboxError> {
        Case { request: &self.request, program: &self.program, index, limits }.run(worker)
    }

    /// The verdict, as if the cases had been run in order.
    ///
    /// # Errors
    /// The first case in order that cannot be run.
    pub fn report(&self) -> Result<GradeReport, SandboxError> {
        let mut tally = Tally::new(&self.request);
        let mut state = held(&self.state);
        state.end = 0;
        for (index, result) in std::mem::take(&mut state.results).into_iter().enumerate() {
            let Some(done) = result else {
                // Closed, or not begun for want of time.
                tally.miss(index);
                break;
            };
            let Done { seconds, result } = done?;
            tally.seconds += seconds;
            // Beside others it may have run for longer than those before it left to it.
            if result.is_ok() && tally.seconds > self.request.limits.submission_seconds {
                tally.miss(index);
                break;
            }
            if !tally.count(index, result) {
                break;
            }
        }
        Ok(tally.report())
    }

    /// Opens no more cases.
    fn close(&self) {
        held(&self.state).end = 0;
        self.came_back.notify_all();
    }

    /// The next case; waits while helpers have cases that may come back.
    fn take_or_wait(&self) -> Option<(usize, Limits)> {
        let mut state = held(&self.state);
        loop {
            if let Some(taken) = state.take(&self.request.limits) {
                return Some(taken);
            }
            let end = state.end;
            if !state.helped.iter().any(|index| *index < end) {
                return None;
            }
            state = wait(&self.came_back, state);
        }
    }

    fn take_to_help(&self) -> Option<(Helped<'_>, Limits)> {
        let mut state = held(&self.state);
        let (index, limits) = state.take(&self.request.limits)?;
        state.helped.push(index);
        Some((Helped { board: self, index }, limits))
    }

    fn put(&self, index: usize, done: Result<Done, SandboxError>) {
        let is_last = match &done {
            Ok(Done { result: Err((verdict, _)), .. }) => {
                self.request.stop_at_first_failure || *verdict == GradeVerdict::TimeLimit
            }
            Ok(_) => false,
            Err(_) => true,
        };
        let mut state = held(&self.state);
        // Nobody waits for what comes after the report.
        if let Some(result) = state.results.get_mut(index) {
            *result = Some(done);
        }
        if is_last {
            state.end = state.end.min(index + 1);
        }
    }
}

impl State {
    /// The next case in order, with what those before it left of the submission's time as its limit.
    fn take(&mut self, limits: &Limits) -> Option<(usize, Limits)> {
        let returned = self.returned.iter().copied().min();
        let index = returned.unwrap_or(self.next);
        let spent = |done: &Result<Done, SandboxError>| done.as_ref().map_or(0.0, |done| done.seconds);
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

/// A case in a helper's hand; open again when it is dropped without a result.
struct Helped<'a> {
    board: &'a Board,
    index: usize,
}

impl Drop for Helped<'_> {
    fn drop(&mut self) {
        let mut state = held(&self.board.state);
        state.helped.retain(|index| *index != self.index);
        if state.results.get(self.index).is_some_and(Option::is_none) {
            state.returned.push(self.index);
        }
        drop(state);
        self.board.came_back.notify_all();
    }
}

fn wait<'a>(condition: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    condition.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner)
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
        let board = Board::new(Arc::new(request), Program::Python);
        let failed = Err((GradeVerdict::WrongAnswer, "wrong".to_owned()));
        let (first, _) = board.take_or_wait().unwrap();
        let (helped, _) = board.take_to_help().unwrap();
        board.put(first, Ok(Done { seconds: 0.1, result: failed }));
        assert!(board.take_or_wait().is_none(), "the helped case does not count any more");
        let report = board.report().unwrap();
        assert_eq!((report.verdict, report.reason.as_str()), (GradeVerdict::WrongAnswer, "case 1 of 3: wrong"));
        board.put(helped.index, Ok(Done { seconds: 0.1, result: Ok(()) }));
        drop(helped);
        assert!(board.take_to_help().is_none());
    }
}
