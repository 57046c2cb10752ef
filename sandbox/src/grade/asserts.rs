//! Asserts: each test runs in a judge's process beside a fresh instance of the program.
//!
//! A test without an `assert` prepares what later ones use (`import math`, `tree = Node(1)`), so it also runs before them.

use super::fault::fault;
use super::{Failure, Tally, wrong};
use crate::engine::{AssertResult, Job, Judgement, Outcome, Worker};
use crate::report::{cut, shorten};
use crate::{GradeVerdict, Limits, SandboxError};

/// Characters of a test that a reason shows.
const SHOWN: usize = 120;

pub(super) fn grade(
    worker: &mut Worker,
    tally: &mut Tally<'_>,
    setup: &str,
    tests: &[String],
    is_cancelled: &dyn Fn() -> bool,
) -> Result<(), SandboxError> {
    let mut setup = setup.to_owned();
    for (index, test) in tests.iter().enumerate() {
        let limits = tally.limits();
        let imports = import_lines(&setup);
        let job = Job::Serve { code: &tally.request.code, imports: &imports, limits: &limits };
        let (outcome, judgement) = worker.run_asserts(&job, &setup, std::slice::from_ref(test), true)?;
        tally.seconds += outcome.seconds;
        let result = match judgement {
            None => {
                let reason = "the tests ended before they were through".to_owned();
                Err(fault(&outcome, &limits).unwrap_or((GradeVerdict::TimeLimit, reason)))
            }
            Some(Judgement { unusable: Some(why), .. }) => return Err(unusable(&why)),
            Some(Judgement { results, .. }) => match results.into_iter().next() {
                Some(result) => judged(result, test, &outcome, &limits)?,
                None => return Err(SandboxError::WorkerLost("the judge gave no result".to_owned())),
            },
        };
        if !tally.count(index, result) || is_cancelled() {
            break;
        }
        if !test.contains("assert") {
            setup.push('\n');
            setup.push_str(test);
        }
    }
    Ok(())
}

fn judged(
    result: AssertResult,
    test: &str,
    outcome: &Outcome,
    limits: &Limits,
) -> Result<Result<(), Failure>, SandboxError> {
    if result.ok {
        return Ok(Ok(()));
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
        "load" | "gone" => fault(outcome, limits).unwrap_or((GradeVerdict::RuntimeError, format!("{test}: {detail}"))),
        other => return Err(SandboxError::WorkerLost(format!("the judge answered {other:?}"))),
    }))
}

fn is_refused_process(detail: &str) -> bool {
    detail.starts_with("BlockingIOError") || detail == "RuntimeError: can't start new thread"
}

fn unusable(why: &str) -> SandboxError {
    SandboxError::BadRequest(cut(&format!("the tests cannot be run: {why}")))
}

/// Import statements of the setup, which the program may rely on.
fn import_lines(setup: &str) -> Vec<&str> {
    let is_import = |line: &&str| line.starts_with("import ") || line.starts_with("from ");
    setup.lines().filter(is_import).collect()
}
