//! A submission's program, made ready once and run for each case. Languages other than Python take the process engine.

use sandbox_api::{GradeRequest, GradeVerdict, Language, Limits, RunRequest, cut};

use super::outcome::Failure;
use crate::SandboxError;
use crate::engine::{Exchange, Job, Outcome, Prepared, Ready, Worker};

/// A program that can be run.
pub(super) enum Program {
    /// Python, which needs no preparation.
    Python,
    /// Another language, compiled where it needs to be.
    Command(Box<Ready>),
}

/// A submission's program, if it compiles.
pub(super) enum PreparedProgram {
    /// The program can be run.
    Ready(Program),
    /// The program does not compile, which is a runtime error.
    Refused { seconds: f64, failure: Failure },
}

impl Program {
    /// Makes the submission's program ready.
    pub(super) fn prepare(worker: &mut Worker, request: &GradeRequest) -> Result<PreparedProgram, SandboxError> {
        if request.language == Language::Python {
            return Ok(PreparedProgram::Ready(Program::Python));
        }
        Ok(match worker.prepare(&request.language, &request.code, &request.limits, None)? {
            Prepared::Ready(ready, _) => PreparedProgram::Ready(Program::Command(ready)),
            Prepared::Refused(outcome) => {
                let reason = format!("does not compile: {}", first_error(&outcome));
                PreparedProgram::Refused { seconds: outcome.seconds, failure: (GradeVerdict::RuntimeError, reason) }
            }
        })
    }

    /// Runs the program once; `code` is its source.
    pub(super) fn run(
        &self,
        worker: &mut Worker,
        code: &str,
        stdin: &str,
        limits: &Limits,
    ) -> Result<Outcome, SandboxError> {
        let exchange = Exchange::default();
        match self {
            Program::Python => worker.run(&Job::Program { code, stdin, exchange, limits }),
            Program::Command(ready) => worker.run_ready(ready, stdin, exchange, limits),
        }
    }
}

/// The processes that were run, and how they ended.
pub(super) enum Ran {
    /// The program, after its compiler where it has one.
    Program { compiler: Option<Outcome>, program: Outcome },
    /// The compiler alone: it refused the program.
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
        Prepared::Ready(ready, compiler) => {
            Ran::Program { compiler, program: worker.run_ready(&ready, stdin, exchange, limits)? }
        }
        Prepared::Refused(outcome) => Ran::Compiler(outcome),
    })
}

/// The first line in which a compiler speaks of an error.
fn first_error(outcome: &Outcome) -> String {
    let text = String::from_utf8_lossy(&outcome.stderr);
    let line = text.lines().find(|line| line.contains("error")).or_else(|| text.lines().next());
    cut(line.map_or("the compiler said nothing", str::trim))
}
