//! Outcome of one case.

use sandbox_api::GradeVerdict;

/// A verdict that is not `passed`, and why.
pub(super) type Failure = (GradeVerdict, String);

/// Outcome of one case.
pub(super) struct CaseOutcome {
    /// Seconds that the case's programs ran.
    pub seconds: f64,
    pub result: Result<(), Failure>,
}

/// A wrong answer, and why it is one.
pub(super) fn wrong(reason: String) -> Failure {
    (GradeVerdict::WrongAnswer, reason)
}
