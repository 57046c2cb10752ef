//! From a request and a worker to a verdict. Compares here, outside of the process that ran the program.
//!
//! Each case has a program started for it alone. Idle lanes help with a submission's cases (`board.rs`). After a case that
//! used up its time the remaining ones count as failed.

mod asserts;
mod board;
mod case;
mod checker;
mod failure;
mod program;

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine as _};
pub(crate) use board::Board;
use failure::failure;
use program::{Prepared, Program, Ran};
use sandbox_api::{GradeReport, GradeRequest, GradeVerdict, Limits, RunReport, RunRequest, RunStatus, cut};

use crate::SandboxError;
use crate::engine::{Outcome, RunEnd, Worker, compile_limits};
use crate::ticket::CallHelp;

/// A verdict that is not `passed`, and why.
type Failure = (GradeVerdict, String);

/// The cases of one submission, counted in their order.
struct Tally<'a> {
    request: &'a GradeRequest,
    num_passed: usize,
    seconds: f64,
    first_failure: Option<Failure>,
}

impl<'a> Tally<'a> {
    fn new(request: &'a GradeRequest) -> Self {
        Self { request, num_passed: 0, seconds: 0.0, first_failure: None }
    }

    /// Counts case `index`; says whether to go on.
    fn count(&mut self, index: usize, result: Result<(), Failure>) -> bool {
        let Err((verdict, reason)) = result else {
            self.num_passed += 1;
            return self.has_time(index);
        };
        let (number, all) = (index + 1, self.request.tests.len());
        self.first_failure.get_or_insert_with(|| (verdict, cut(&format!("case {number} of {all}: {reason}"))));
        !self.request.stop_at_first_failure && verdict != GradeVerdict::TimeLimit && self.has_time(index)
    }

    /// Whether the submission has time for the case after `index`.
    fn has_time(&mut self, index: usize) -> bool {
        let has_time = self.seconds < self.request.limits.submission_seconds || index + 1 == self.request.tests.len();
        if !has_time {
            self.miss(index + 1);
        }
        has_time
    }

    /// Counts a case that was not run for want of time.
    fn miss(&mut self, index: usize) {
        let (most, all) = (self.request.limits.submission_seconds, self.request.tests.len());
        let reason = format!("case {} of {all}: the submission used up its {most} s", index + 1);
        self.first_failure.get_or_insert((GradeVerdict::TimeLimit, reason));
    }

    fn report(self) -> GradeReport {
        let (verdict, reason) = self.first_failure.unwrap_or((GradeVerdict::Passed, String::new()));
        let num_tests = self.request.tests.len();
        GradeReport { verdict, num_passed: self.num_passed, num_tests, reason, seconds: self.seconds }
    }
}

/// Grades a submission; stops between cases once nobody waits for it. `call_help` shows the board to idle lanes, at most
/// as many as it is told.
///
/// # Errors
/// A broken sandbox, or tests that cannot be run.
pub(crate) fn grade(
    worker: &mut Worker,
    request: &Arc<GradeRequest>,
    is_cancelled: &dyn Fn() -> bool,
    call_help: CallHelp<'_>,
) -> Result<GradeReport, SandboxError> {
    request.validate(&request.limits)?;
    let mut tally = Tally::new(request);
    if request.code.trim().is_empty() {
        tally.first_failure = Some((GradeVerdict::NoCode, "there is no program".to_owned()));
        return Ok(tally.report());
    }
    let program = match Program::prepare(worker, request)? {
        Prepared::Ready(program) => program,
        Prepared::Refused { seconds, failure } => {
            tally.seconds = seconds;
            tally.count(0, Err(failure));
            return Ok(tally.report());
        }
    };
    let board = Arc::new(Board::new(request.clone(), program));
    board.work(worker, is_cancelled, &|num_open| call_help(&board, num_open))?;
    board.report()
}

fn wrong(reason: String) -> Failure {
    (GradeVerdict::WrongAnswer, reason)
}

/// Runs a program once. One that does not compile is reported as its compiler is.
///
/// # Errors
/// A broken sandbox, or a language that is not there.
pub(crate) fn run(worker: &mut Worker, request: &RunRequest) -> Result<RunReport, SandboxError> {
    request.validate(&request.limits)?;
    let compiling = compile_limits(&request.limits, request.compile_seconds);
    Ok(match program::run_once(worker, request)? {
        Ran::Program { compiler, program } => RunReport {
            compilation: compiler.map(|outcome| Box::new(run_report(&outcome, &compiling))),
            files: fetched(&program.returned, &request.fetch_files),
            ..run_report(&program, &request.limits)
        },
        Ran::Compiler(outcome) => {
            let compiler = run_report(&outcome, &compiling);
            RunReport { compilation: Some(Box::new(compiler.clone())), ..compiler }
        }
    })
}

/// What a program gave of the files that were asked for; it may have said anything.
fn fetched(said: &[u8], wanted: &[String]) -> BTreeMap<String, String> {
    // What was cut at a limit is no JSON.
    let mut files: BTreeMap<String, String> = serde_json::from_slice(said).unwrap_or_default();
    files.retain(|path, bytes| wanted.contains(path) && BASE64_STANDARD.decode(bytes).is_ok());
    files
}

fn run_report(outcome: &Outcome, limits: &Limits) -> RunReport {
    let status = match failure(outcome, limits).map(|(verdict, _)| verdict) {
        None => RunStatus::Ok,
        Some(GradeVerdict::TimeLimit) => RunStatus::TimeLimit,
        Some(GradeVerdict::MemoryLimit) => RunStatus::MemoryLimit,
        Some(GradeVerdict::OutputLimit) => RunStatus::OutputLimit,
        Some(GradeVerdict::ProcessLimit) => RunStatus::ProcessLimit,
        Some(_) => RunStatus::RuntimeError,
    };
    RunReport {
        stdout: String::from_utf8_lossy(&outcome.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&outcome.stderr).into_owned(),
        exit: if outcome.end == RunEnd::Exited {
            outcome.code
        } else {
            128 + if outcome.code == 0 { 9 } else { outcome.code }
        },
        status,
        seconds: outcome.seconds,
        peak_memory_bytes: outcome.peak_bytes,
        files: BTreeMap::new(),
        compilation: None,
    }
}
