//! A submission's program, made ready once and run for each case. Only the process engine has other languages than Python.

use super::{Failure, Tally};
use crate::engine::{Job, Outcome, Prepared, Ready, Worker};
use crate::report::cut;
use crate::{GradeVerdict, Language, Limits, RunRequest, SandboxError};

/// A program that can be run.
pub(super) enum Program<'a> {
    /// Python, as it is.
    Python(&'a str),
    /// Anything else, compiled where that is needed.
    Command(Ready),
}

impl<'a> Program<'a> {
    /// Makes the submission's program ready; a program that does not compile has a runtime error.
    pub fn prepare(worker: &mut Worker, tally: &mut Tally<'a>) -> Result<Result<Self, Failure>, SandboxError> {
        let request = tally.request;
        if request.language == Language::Python {
            return Ok(Ok(Program::Python(&request.code)));
        }
        Ok(match worker.prepare(&request.language, &request.code, &request.limits)? {
            Prepared::Ready(ready) => Ok(Program::Command(ready)),
            Prepared::Refused(outcome) => {
                tally.seconds += outcome.seconds;
                Err((GradeVerdict::RuntimeError, format!("does not compile: {}", first_error(&outcome))))
            }
        })
    }

    /// Runs it once.
    pub fn run(&self, worker: &mut Worker, stdin: &str, limits: &Limits) -> Result<Outcome, SandboxError> {
        match self {
            Program::Python(code) => worker.run(&Job::Program { code, stdin, limits }),
            Program::Command(ready) => worker.run_ready(ready, stdin, limits),
        }
    }
}

/// Makes a program ready and runs it; where it does not compile, the outcome is the compiler's.
pub(super) fn run_once(worker: &mut Worker, request: &RunRequest) -> Result<Outcome, SandboxError> {
    let (stdin, limits) = (request.stdin.as_str(), &request.limits);
    if request.language == Language::Python {
        return worker.run(&Job::Program { code: &request.code, stdin, limits });
    }
    match worker.prepare(&request.language, &request.code, limits)? {
        Prepared::Ready(ready) => worker.run_ready(&ready, stdin, limits),
        Prepared::Refused(outcome) => Ok(outcome),
    }
}

/// The first line in which a compiler speaks of an error.
fn first_error(outcome: &Outcome) -> String {
    let text = String::from_utf8_lossy(&outcome.stderr);
    let line = text.lines().find(|line| line.contains("error")).or_else(|| text.lines().next());
    cut(line.map_or("the compiler said nothing", str::trim))
}
