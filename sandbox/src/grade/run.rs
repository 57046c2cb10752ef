//! A program that is only run: no tests, no verdict.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use sandbox_api::{GradeVerdict, Limits, RunReport, RunRequest, RunStatus};

use super::attempt::Attempt;
use super::failure::failure;
use super::program::{Ran, run_once};
use crate::SandboxError;
use crate::engine::{Lack, Outcome, RunEnd, Worker, compile_limits};
use crate::pool::{OfferWork, Work};

impl Work for RunRequest {
    type Report = Attempt<RunReport>;

    fn perform(
        self: &Arc<Self>,
        worker: &mut Worker,
        _: &dyn Fn() -> bool,
        _: OfferWork<'_>,
    ) -> Result<Attempt<RunReport>, SandboxError> {
        run(worker, self)
    }
}

/// Runs a program once. The report on a program that does not compile is its compiler's.
///
/// # Errors
/// A broken sandbox, or a language that is not there.
fn run(worker: &mut Worker, request: &RunRequest) -> Result<Attempt<RunReport>, SandboxError> {
    request.validate(&request.limits)?;
    let compiling = compile_limits(&request.limits, request.compile_seconds);
    Ok(match run_once(worker, request)? {
        Ran::Program { compiler, program } => {
            let failure = failure(&program, &request.limits);
            let lack = failure.as_ref().and_then(|(verdict, reason)| Lack::of_failure(*verdict, reason));
            let report = RunReport {
                compilation: compiler.map(|outcome| Box::new(run_report(&outcome, &compiling))),
                files: fetched(&program.returned, &request.fetch_files),
                ..run_report(&program, &request.limits)
            };
            Attempt { report, lack }
        }
        Ran::Compiler(outcome) => {
            let compiler = run_report(&outcome, &compiling);
            let report = RunReport { compilation: Some(Box::new(compiler.clone())), ..compiler };
            Attempt { report, lack: None }
        }
    })
}

/// The files that were asked for, out of what the program sent, which may be anything.
fn fetched(said: &[u8], wanted: &[String]) -> BTreeMap<String, String> {
    // A message that was cut at a limit is no JSON.
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
        engine: None,
        unmet_need: None,
        files: BTreeMap::new(),
        compilation: None,
    }
}
