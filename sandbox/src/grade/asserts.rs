//! Asserts: each test runs in a judge's process beside a fresh instance of the program.
//!
//! A test without an `assert` prepares what later ones use (`import math`, `tree = Node(1)`), so it also runs before
//! them.

use sandbox_api::{GradeVerdict, Limits, cut, shorten};

use super::failure::failure;
use super::outcome::{CaseOutcome, Failure, wrong};
use crate::SandboxError;
use crate::engine::{AssertResult, Job, Judgement, Outcome, RunEnd, Worker};

/// Characters of a test that a reason shows.
const SHOWN: usize = 120;

/// Runs test `index`, after the earlier tests that only prepare.
pub(super) fn run(
    worker: &mut Worker,
    code: &str,
    setup: &str,
    tests: &[String],
    index: usize,
    limits: &Limits,
) -> Result<CaseOutcome, SandboxError> {
    let prepares = tests[..index].iter().map(String::as_str).filter(|test| !test.contains("assert"));
    let setup = std::iter::once(setup).chain(prepares).collect::<Vec<_>>().join("\n");
    let test = &tests[index];
    let imports = import_lines(&setup);
    let job = Job::Serve { code, imports: &imports, limits };
    let (outcome, judgement) = worker.run_asserts(&job, &setup, std::slice::from_ref(test), true)?;
    let result = match judgement {
        None => {
            let reason = "the tests ended before they were through".to_owned();
            Err(failure(&outcome, limits).unwrap_or((GradeVerdict::TimeLimit, reason)))
        }
        Some(Judgement { unusable: Some(why), .. }) => return Err(unusable(&why)),
        Some(Judgement { results, .. }) => match results.into_iter().next() {
            Some(result) => judged(result, test, &outcome, limits)?,
            None => return Err(SandboxError::WorkerLost("the judge gave no result".to_owned())),
        },
    };
    Ok(CaseOutcome { seconds: outcome.seconds, result })
}

fn judged(
    result: AssertResult,
    test: &str,
    outcome: &Outcome,
    limits: &Limits,
) -> Result<Result<(), Failure>, SandboxError> {
    if result.ok {
        // Right answers do not pass where the program went past a limit.
        let is_past_limit = !matches!(outcome.end, RunEnd::Exited | RunEnd::Signaled);
        return Ok(failure(outcome, limits).filter(|_| is_past_limit).map_or(Ok(()), Err));
    }
    let test = shorten(test.trim(), SHOWN);
    let detail = result.detail;
    Ok(Err(match result.kind.as_str() {
        "assertion" if detail.is_empty() => wrong(test),
        "assertion" => wrong(format!("{test}: {detail}")),
        "raised" if detail.starts_with("MemoryError") => (GradeVerdict::MemoryLimit, format!("{test}: {detail}")),
        "raised" if is_refused_process(&detail) => (GradeVerdict::ProcessLimit, format!("{test}: {detail}")),
        "raised" | "error" => (GradeVerdict::RuntimeError, format!("{test}: {detail}")),
        "unsupported" | "unusable" => return Err(unusable(&format!("{test}: {detail}"))),
        "load" | "gone" => {
            failure(outcome, limits).unwrap_or((GradeVerdict::RuntimeError, format!("{test}: {detail}")))
        }
        other => return Err(SandboxError::WorkerLost(format!("the judge answered {other:?}"))),
    }))
}

fn is_refused_process(detail: &str) -> bool {
    detail.starts_with("BlockingIOError") || detail == "RuntimeError: can't start new thread"
}

fn unusable(why: &str) -> SandboxError {
    SandboxError::BadRequest(cut(&format!("the tests cannot be run: {why}")))
}

/// Import statements of the setup; a program may rely on them.
fn import_lines(setup: &str) -> Vec<&str> {
    let is_import = |line: &&str| line.starts_with("import ") || line.starts_with("from ");
    setup.lines().filter(is_import).collect()
}
