//! Tasks with several right answers: a trusted program decides, in an instance of its own that never sees the
//! candidate.

use sandbox_api::{Limits, cut, shorten};
use serde_json::{Value, json};

use super::failure::failure;
use crate::SandboxError;
use crate::engine::{Job, Outcome, Worker};

const ENTRY_POINT: &str = "check";
const SHOWN: usize = 80;

/// A checker's source.
pub(super) struct Checker<'a> {
    source: &'a str,
}

impl<'a> Checker<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self { source }
    }

    /// Judges `[input, expected, got]`.
    ///
    /// A checker may fail on an answer it cannot read: that answer is wrong, if the checker takes the expected one.
    ///
    /// # Errors
    /// [`SandboxError::BadRequest`] where the checker takes not even the expected answer.
    pub(super) fn judge(
        &self,
        worker: &mut Worker,
        values: [Value; 3],
        limits: &Limits,
    ) -> Result<Result<(), String>, SandboxError> {
        let [input, expected, got] = values;
        let outcome = self.call(worker, &json!([input, expected, got]), limits)?;
        match said(&outcome, limits) {
            Ok(true) => Ok(Ok(())),
            Ok(false) => Ok(Err(format!("the checker refuses {}", shorten(&got.to_string(), SHOWN)))),
            Err(Said::Refused(reason)) => Ok(Err(reason)),
            Err(Said::Failed(reason)) => {
                let outcome = self.call(worker, &json!([input, expected, expected]), limits)?;
                match said(&outcome, limits) {
                    Ok(true) => Ok(Err(format!("the checker cannot read it: {reason}"))),
                    _ => Err(SandboxError::BadRequest(cut(&format!("the checker cannot be run: {reason}")))),
                }
            }
        }
    }

    fn call(&self, worker: &mut Worker, args: &Value, limits: &Limits) -> Result<Outcome, SandboxError> {
        worker.run(&Job::Call { code: self.source, entry_point: ENTRY_POINT, args, limits })
    }
}

/// The checker's answer where it is not yes or no.
enum Said {
    Refused(String),
    Failed(String),
}

fn said(outcome: &Outcome, limits: &Limits) -> Result<bool, Said> {
    if let Some((_, reason)) = failure(outcome, limits) {
        return Err(Said::Failed(reason));
    }
    match serde_json::from_slice(&outcome.returned) {
        Ok(Value::Bool(is_right)) => Ok(is_right),
        Ok(Value::String(reason)) => Err(Said::Refused(reason)),
        Ok(other) => Err(Said::Failed(format!(
            "check() returned {}, not True, False or text",
            shorten(&other.to_string(), SHOWN)
        ))),
        Err(error) => Err(Said::Failed(format!("check() returned no data ({error})"))),
    }
}
