//! One case of a submission, from a worker to its outcome. Other cases leave nothing behind that it could depend on.

use sandbox_api::{FunctionCase, GradeRequest, GradeVerdict, Limits, StdioCase, Tests};
use serde_json::Value;

use super::asserts;
use super::checker::Checker;
use super::failure::failure;
use super::outcome::{CaseOutcome, Failure, wrong};
use super::output_room::{returned_bytes, with_room};
use super::program::Program;
use crate::SandboxError;
use crate::engine::{Job, Outcome, Worker};

/// A case, with its program and its limits.
pub(super) struct Case<'a> {
    pub request: &'a GradeRequest,
    pub program: &'a Program,
    pub index: usize,
    pub limits: &'a Limits,
}

impl Case<'_> {
    /// Runs the case.
    ///
    /// # Errors
    /// A broken sandbox, or a test that cannot be run.
    pub(super) fn run(&self, worker: &mut Worker) -> Result<CaseOutcome, SandboxError> {
        let (tests, checker) = match &self.request.tests {
            Tests::Checked { checker, tests } => (&**tests, Some(Checker::new(checker))),
            tests => (tests, None),
        };
        match tests {
            Tests::Stdio { cases } => self.stdio(worker, &cases[self.index], checker),
            Tests::Function { entry_point, cases } => self.function(worker, entry_point, &cases[self.index], checker),
            Tests::Asserts { setup, tests } => {
                let limits = with_room(self.limits, tests[self.index].len() as u64);
                asserts::run(worker, &self.request.code, setup, tests, self.index, &limits)
            }
            Tests::Checked { .. } => {
                Err(SandboxError::BadRequest("tests: a checker stands within a checker".to_owned()))
            }
        }
    }

    fn stdio(
        &self,
        worker: &mut Worker,
        case: &StdioCase,
        checker: Option<Checker<'_>>,
    ) -> Result<CaseOutcome, SandboxError> {
        let limits = &with_room(self.limits, case.output.len() as u64);
        let outcome = self.program.run(worker, &self.request.code, &case.input, limits)?;
        let result = match (failure(&outcome, limits), std::str::from_utf8(&outcome.stdout), checker) {
            (Some(failure), ..) => Err(failure),
            (None, Err(_), _) => Err(wrong("printed what is not UTF-8".to_owned())),
            (None, Ok(printed), None) => crate::compare::printed(printed, &case.output).map_err(wrong),
            (None, Ok(printed), Some(checker)) => {
                let values = [&case.input, &case.output, printed].map(|text| Value::String(text.to_owned()));
                checker.judge(worker, values, limits)?.map_err(wrong)
            }
        };
        Ok(CaseOutcome { seconds: outcome.seconds, result })
    }

    fn function(
        &self,
        worker: &mut Worker,
        entry_point: &str,
        case: &FunctionCase,
        checker: Option<Checker<'_>>,
    ) -> Result<CaseOutcome, SandboxError> {
        let args = match &case.args {
            Value::Array(_) => case.args.clone(),
            single => Value::Array(vec![single.clone()]),
        };
        let limits = &with_room(self.limits, returned_bytes(&case.expected));
        let outcome = worker.run(&Job::Call { code: &self.request.code, entry_point, args: &args, limits })?;
        let result = match (failure(&outcome, limits).map_or_else(|| returned(&outcome), Err), checker) {
            (Err(failure), _) => Err(failure),
            (Ok(got), None) => crate::compare::returned(&got, &case.expected).map_err(wrong),
            (Ok(got), Some(checker)) => match crate::compare::plain(&got) {
                Some(got) => checker.judge(worker, [args, case.expected.clone(), got], limits)?.map_err(wrong),
                None => Err(wrong("returned what JSON has no type for".to_owned())),
            },
        };
        Ok(CaseOutcome { seconds: outcome.seconds, result })
    }
}

/// The value that the function returned.
fn returned(outcome: &Outcome) -> Result<Value, Failure> {
    if outcome.returned.is_empty() {
        let reason = "the program ended before the function returned".to_owned();
        return Err((GradeVerdict::RuntimeError, reason));
    }
    serde_json::from_slice(&outcome.returned).map_err(|error| wrong(format!("returned what is no JSON data ({error})")))
}
