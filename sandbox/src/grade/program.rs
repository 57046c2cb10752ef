//! A submission's program, made ready once and run for each case. Only the process engine has other languages than Python.

use sandbox_api::{GradeRequest, GradeVerdict, Language, Limits, RunRequest, cut};

use super::Failure;
use crate::SandboxError;
use crate::engine::{self, Exchange, Job, Outcome, Ready, Worker};

/// A program that can be run.
pub(super) enum Program {
    /// Python, as it is.
    Python,
    /// Anything else, compiled where that is needed.
    Command(Box<Ready>),
}

/// What came of making a submission's program ready.
pub(super) enum Prepared {
    /// It can be run.
    Ready(Program),
    /// It does not compile, which is a runtime error.
    Refused { seconds: f64, failure: Failure },
}

impl Program {
    /// Makes the submission's program ready.
    pub fn prepare(worker: &mut Worker, request: &GradeRequest) -> Result<Prepared, SandboxError> {
        if request.language == Language::Python {
            return Ok(Prepared::Ready(Program::Python));
        }
        Ok(match worker.prepare(&request.language, &request.code, &request.limits, None)? {
            engine::Prepared::Ready(ready, _) => Prepared::Ready(Program::Command(ready)),
            engine::Prepared::Refused(outcome) => {
                let reason = format!("does not compile: {}", first_error(&outcome));
                Prepared::Refused { seconds: outcome.seconds, failure: (GradeVerdict::RuntimeError, reason) }
            }
        })
    }

    /// Runs it once; `code` is its source.
    pub fn run(&self, worker: &mut Worker, code: &str, stdin: &str, limits: &Limits) -> Result<Outcome, SandboxError> {
        let exchange = Exchange::default();
        match self {
            Program::Python => worker.run(&Job::Program { code, stdin, exchange, limits }),
            Program::Command(ready) => worker.run_ready(ready, stdin, exchange, limits),
        }
    }
}

/// What was run, and how it ended.
pub(super) enum Ran {
    /// The program, after its compiler where it has one.
    Program { compiler: Option<Outcome>, program: Outcome },
    /// Its compiler alone, which refused it.
    Compiler(Outcome),
}

/// Makes a program ready and runs it.
pub(super) fn run_once(worker: &mut Worker, request: &RunRequest) -> Result<Ran, SandboxError> {
    let (stdin, limits) = (request.stdin.as_str(), &request.limits);
    let files = Some(&request.files).filter(|files| !files.is_empty());
    let exchange = Exchange { files, fetch_files: &request.fetch_files };
    if request.language == Language::Python {
        let program = worker.run(&Job::Program { code: &request.code, stdin, exchange, limits })?;
        return Ok(Ran::Program { compiler: None, program });
    }
    Ok(match worker.prepare(&request.language, &request.code, limits, request.compile_seconds)? {
        engine::Prepared::Ready(ready, compiler) => {
            Ran::Program { compiler, program: worker.run_ready(&ready, stdin, exchange, limits)? }
        }
        engine::Prepared::Refused(outcome) => Ran::Compiler(outcome),
    })
}

/// The first line in which a compiler speaks of an error.
fn first_error(outcome: &Outcome) -> String {
    let text = String::from_utf8_lossy(&outcome.stderr);
    let line = text.lines().find(|line| line.contains("error")).or_else(|| text.lines().next());
    cut(line.map_or("the compiler said nothing", str::trim))
}
