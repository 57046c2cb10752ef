//! A verifier's judgement of one completion. It must not know how a verdict becomes a reward.

use math_verifier::MathVerdictKind;
use serde::{Deserialize, Serialize};

/// The judgement of one completion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// From 0 (worth nothing) to 1 (all that was asked).
    pub score: f32,
    /// True where all that was asked is there; a fraction of the score is no pass.
    pub passed: bool,
    /// One line for a person who reads the rollout.
    pub reason: String,
    /// The maths verifier's decision, where it was the judge: it tells apart the cases that all score 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub math: Option<MathVerdictKind>,
}

impl Verdict {
    /// A full score.
    pub fn pass(reason: impl Into<String>) -> Self {
        Self { score: 1.0, passed: true, reason: reason.into(), math: None }
    }

    /// A score of zero.
    pub fn fail(reason: impl Into<String>) -> Self {
        Self { score: 0.0, passed: false, reason: reason.into(), math: None }
    }

    /// The verdict on `num_passed` of `num_checks` checks: a full score when all passed, otherwise their fraction with
    /// `partial_credit` and zero without it. No checks at all score zero.
    pub fn of_checks(num_passed: usize, num_checks: usize, partial_credit: bool, reason: impl Into<String>) -> Self {
        if num_checks > 0 && num_passed >= num_checks {
            return Self::pass(reason);
        }
        let mut verdict = Self::fail(reason);
        if partial_credit && num_checks > 0 {
            verdict.score = num_passed as f32 / num_checks as f32;
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_is_paid_only_where_it_is_asked_for() {
        assert_eq!(Verdict::of_checks(1, 4, true, "").score, 0.25);
        assert_eq!(Verdict::of_checks(3, 4, false, "").score, 0.0);
        assert!(!Verdict::of_checks(3, 4, true, "").passed);
        assert!(Verdict::of_checks(4, 4, false, "").passed);
    }

    #[test]
    fn no_checks_pay_nothing() {
        assert_eq!(Verdict::of_checks(0, 0, true, ""), Verdict::fail(""));
    }
}
