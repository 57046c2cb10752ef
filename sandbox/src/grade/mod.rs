//! From a request and a worker to a verdict. Compares here, outside of the process that ran the program.
//!
//! Each case has a program started for it alone. After a case that used up its time the remaining ones are not run and count
//! as failed.

mod asserts;
mod checker;
mod fault;
mod program;

use serde_json::Value;

use crate::engine::{Job, Outcome, RunEnd, Worker};
use crate::report::cut;
use crate::{
    FunctionCase, GradeReport, GradeRequest, GradeVerdict, Limits, RunReport, RunRequest, RunStatus, SandboxError,
    StdioCase, Tests,
};

use checker::Checker;
use fault::fault;
use program::Program;

/// A verdict that is not `passed`, and why.
type Failure = (GradeVerdict, String);

/// The cases of one submission as they are counted.
struct Tally<'a> {
    request: &'a GradeRequest,
    num_passed: usize,
    seconds: f64,
    first_failure: Option<Failure>,
}

impl Tally<'_> {
    /// The limits of the next program: what is left of the submission's time, if that is less than a program's own.
    fn limits(&self) -> Limits {
        let limits = &self.request.limits;
        let left = (limits.submission_seconds - self.seconds).max(0.01);
        Limits { wall_seconds: limits.wall_seconds.min(left), ..limits.clone() }
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
        let (most, all) = (self.request.limits.submission_seconds, self.request.tests.len());
        let has_time = self.seconds < most || index + 1 == all;
        if !has_time {
            let reason = format!("case {} of {all}: the submission used up its {most} s", index + 2);
            self.first_failure.get_or_insert((GradeVerdict::TimeLimit, reason));
        }
        has_time
    }

    fn report(self) -> GradeReport {
        let (verdict, reason) = self.first_failure.unwrap_or((GradeVerdict::Passed, String::new()));
        let num_tests = self.request.tests.len();
        GradeReport { verdict, num_passed: self.num_passed, num_tests, reason, seconds: self.seconds }
    }
}

/// Grades a submission; stops between cases once nobody waits for it.
///
/// # Errors
/// A broken sandbox, or tests that cannot be run.
pub(crate) fn grade(
    worker: &mut Worker,
    request: &GradeRequest,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<GradeReport, SandboxError> {
    request.validate(&request.limits)?;
    let mut tally = Tally { request, num_passed: 0, seconds: 0.0, first_failure: None };
    if request.code.trim().is_empty() {
        tally.first_failure = Some((GradeVerdict::NoCode, "there is no program".to_owned()));
        return Ok(tally.report());
    }
    let (tests, checker) = match &request.tests {
        Tests::Checked { checker, tests } => (&**tests, Some(Checker::new(checker))),
        tests => (tests, None),
    };
    let checker = checker.as_ref();
    match tests {
        Tests::Stdio { cases } => stdio(worker, &mut tally, cases, checker, is_cancelled)?,
        Tests::Function { entry_point, cases } => {
            function(worker, &mut tally, entry_point, cases, checker, is_cancelled)?;
        }
        Tests::Asserts { setup, tests } => asserts::grade(worker, &mut tally, setup, tests, is_cancelled)?,
        Tests::Checked { .. } => {
            return Err(SandboxError::BadRequest("tests: a checker stands within a checker".to_owned()));
        }
    }
    Ok(tally.report())
}

fn stdio(
    worker: &mut Worker,
    tally: &mut Tally<'_>,
    cases: &[StdioCase],
    checker: Option<&Checker<'_>>,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<(), SandboxError> {
    let program = match Program::prepare(worker, tally)? {
        Ok(program) => program,
        Err(failure) => {
            tally.count(0, Err(failure));
            return Ok(());
        }
    };
    for (index, case) in cases.iter().enumerate() {
        let limits = tally.limits();
        let outcome = program.run(worker, &case.input, &limits)?;
        tally.seconds += outcome.seconds;
        let result = match (fault(&outcome, &limits), std::str::from_utf8(&outcome.stdout), checker) {
            (Some(failure), ..) => Err(failure),
            (None, Err(_), _) => Err(wrong("printed what is not UTF-8".to_owned())),
            (None, Ok(printed), None) => crate::compare::printed(printed, &case.output).map_err(wrong),
            (None, Ok(printed), Some(checker)) => {
                let values = [&case.input, &case.output, printed].map(|text| Value::String(text.to_owned()));
                checker.judge(worker, values, &limits)?.map_err(wrong)
            }
        };
        if !tally.count(index, result) || is_cancelled() {
            break;
        }
    }
    Ok(())
}

fn function(
    worker: &mut Worker,
    tally: &mut Tally<'_>,
    entry_point: &str,
    cases: &[FunctionCase],
    checker: Option<&Checker<'_>>,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<(), SandboxError> {
    let code = tally.request.code.as_str();
    for (index, case) in cases.iter().enumerate() {
        let args = match &case.args {
            Value::Array(_) => case.args.clone(),
            single => Value::Array(vec![single.clone()]),
        };
        let limits = tally.limits();
        let outcome = worker.run(&Job::Call { code, entry_point, args: &args, limits: &limits })?;
        tally.seconds += outcome.seconds;
        let result = match (fault(&outcome, &limits).map_or_else(|| returned(&outcome), Err), checker) {
            (Err(failure), _) => Err(failure),
            (Ok(got), None) => crate::compare::returned(&got, &case.expected).map_err(wrong),
            (Ok(got), Some(checker)) => match crate::compare::plain(&got) {
                Some(got) => checker.judge(worker, [args, case.expected.clone(), got], &limits)?.map_err(wrong),
                None => Err(wrong("returned what JSON has no type for".to_owned())),
            },
        };
        if !tally.count(index, result) || is_cancelled() {
            break;
        }
    }
    Ok(())
}

/// What a function returned, as data.
fn returned(outcome: &Outcome) -> Result<Value, Failure> {
    if outcome.returned.is_empty() {
        let reason = "the program ended before the function returned".to_owned();
        return Err((GradeVerdict::RuntimeError, reason));
    }
    serde_json::from_slice(&outcome.returned).map_err(|error| wrong(format!("returned what is no JSON data ({error})")))
}

fn wrong(reason: String) -> Failure {
    (GradeVerdict::WrongAnswer, reason)
}

/// Runs a program once.
///
/// # Errors
/// A broken sandbox, or a language that is not there.
pub(crate) fn run(worker: &mut Worker, request: &RunRequest) -> Result<RunReport, SandboxError> {
    request.validate(&request.limits)?;
    let outcome = program::run_once(worker, request)?;
    let status = match fault(&outcome, &request.limits).map(|(verdict, _)| verdict) {
        None => RunStatus::Ok,
        Some(GradeVerdict::TimeLimit) => RunStatus::TimeLimit,
        Some(GradeVerdict::MemoryLimit) => RunStatus::MemoryLimit,
        Some(GradeVerdict::OutputLimit) => RunStatus::OutputLimit,
        Some(GradeVerdict::ProcessLimit) => RunStatus::ProcessLimit,
        Some(_) => RunStatus::RuntimeError,
    };
    Ok(RunReport {
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
    })
}
