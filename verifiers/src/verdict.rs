//! A verifier's judgement of one completion. It must not know how a verdict becomes a reward.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// Kind of a verdict, or of the reason why there is none.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, IntoStaticStr, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum VerdictKind {
    /// All that was asked is there.
    Passed,
    /// The answer is wrong.
    Failed,
    /// A part of what was asked is there.
    Partial,
    /// The completion came to no answer.
    NoAnswer,
    /// The completion's answer cannot be read.
    Unparsed,
    /// The verifier does not apply to this completion: its weight does not count.
    NotApplicable,
    /// No verdict: the verifier did not answer within its deadline.
    TimedOut,
    /// No verdict: the verifier failed, or answered with what is no verdict.
    Crashed,
    /// No verdict: a service that the verifier needs is away.
    Unavailable,
    /// No verdict: the verifier used up its memory or its instructions.
    OverBudget,
    /// No verdict: the task's ground truth is not what the verifier needs.
    TaskUnusable,
}

impl VerdictKind {
    /// Every kind, in the order of reports.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The word in metrics, records and configurations.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// True for the kinds of a verdict, false where there is none.
    pub fn is_verdict(self) -> bool {
        matches!(self, Self::Passed | Self::Failed | Self::Partial | Self::NoAnswer | Self::Unparsed)
    }
}

/// The scores that a verifier may give, from worth nothing to all that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f32; 2]", into = "[f32; 2]")]
pub struct ScoreRange {
    /// The lowest score.
    pub low: f32,
    /// The highest score, that of a pass.
    pub high: f32,
}

impl Default for ScoreRange {
    fn default() -> Self {
        Self { low: 0.0, high: 1.0 }
    }
}

impl From<[f32; 2]> for ScoreRange {
    fn from([low, high]: [f32; 2]) -> Self {
        Self { low, high }
    }
}

impl From<ScoreRange> for [f32; 2] {
    fn from(range: ScoreRange) -> Self {
        [range.low, range.high]
    }
}

impl ScoreRange {
    /// True for two finite numbers in ascending order.
    pub fn is_valid(self) -> bool {
        self.low.is_finite() && self.high.is_finite() && self.low < self.high
    }

    /// True for a score within the range; never for one that is not a number.
    pub fn contains(self, score: f32) -> bool {
        (self.low..=self.high).contains(&score)
    }

    /// The score on the scale from 0 to 1.
    pub fn unit(self, score: f32) -> f32 {
        (score - self.low) / (self.high - self.low)
    }
}

/// The judgement of one completion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Kind of the verdict.
    pub kind: VerdictKind,
    /// Within the verifier's [`ScoreRange`]: from 0 (worth nothing) to 1 (all that was asked) unless it has another.
    pub score: f32,
    /// One line for a person who reads the rollout.
    pub reason: String,
    /// A finer word of the verifier's own for the kind, by which a configuration may set the verdict's worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Cow<'static, str>>,
    /// The answer that was judged, as it was extracted; for code the program. `None` where the completion has none, or
    /// where the verifier judges the whole of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Figures beside the score, as IFEval's four; empty for most verifiers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<Measure>,
}

/// A figure of a verdict beside its score: `value` of `of`. Over several verdicts the sums of both make its share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// The figure's name, as in `instruction_strict`.
    pub name: Cow<'static, str>,
    /// What was reached: 0 to `of`.
    pub value: f64,
    /// What could be reached: 1, or the number of things that were counted.
    pub of: f64,
}

impl Measure {
    /// What holds or does not: 1 or 0 of 1.
    pub fn of_flag(name: &'static str, holds: bool) -> Self {
        Self::of_count(name, usize::from(holds), 1)
    }

    /// `count` of `of` things.
    pub fn of_count(name: &'static str, count: usize, of: usize) -> Self {
        Self { name: name.into(), value: count as f64, of: of as f64 }
    }
}

/// Detail of a code verifier's verdict on a program that ran into its time limit. The kind is what the tests that
/// passed make of it; [`VerdictKind::TimedOut`] is a verifier that gave no verdict.
pub const TIME_LIMIT: &str = "time_limit";

impl Verdict {
    fn new(kind: VerdictKind, score: f32, reason: impl Into<String>) -> Self {
        Self { kind, score, reason: reason.into(), detail: None, answer: None, measures: Vec::new() }
    }

    /// A full score.
    pub fn pass(reason: impl Into<String>) -> Self {
        Self::new(VerdictKind::Passed, 1.0, reason)
    }

    /// A score of zero.
    pub fn fail(reason: impl Into<String>) -> Self {
        Self::new(VerdictKind::Failed, 0.0, reason)
    }

    /// A score of zero: the completion came to no answer.
    pub fn no_answer(reason: impl Into<String>) -> Self {
        Self::new(VerdictKind::NoAnswer, 0.0, reason)
    }

    /// A score of zero: the completion's answer cannot be read.
    pub fn unparsed(reason: impl Into<String>) -> Self {
        Self::new(VerdictKind::Unparsed, 0.0, reason)
    }

    /// No judgement: the verifier does not apply to this completion.
    pub fn not_applicable(reason: impl Into<String>) -> Self {
        Self::new(VerdictKind::NotApplicable, 0.0, reason)
    }

    /// The verdict with this score: a pass at the top of `range`, a fail at its bottom, partial in between.
    pub fn of_score(score: f32, range: ScoreRange, reason: impl Into<String>) -> Self {
        let kind = if score >= range.high {
            VerdictKind::Passed
        } else if score <= range.low {
            VerdictKind::Failed
        } else {
            VerdictKind::Partial
        };
        Self::new(kind, score, reason)
    }

    /// The verdict on `num_passed` of `num_checks` checks: a full score when all passed, otherwise their fraction with
    /// `partial_credit` and zero without it. No checks at all score zero.
    pub fn of_checks(num_passed: usize, num_checks: usize, partial_credit: bool, reason: impl Into<String>) -> Self {
        let score = match (num_passed, num_checks) {
            (_, 0) => 0.0,
            (passed, checks) if passed >= checks => 1.0,
            (passed, checks) if partial_credit => passed as f32 / checks as f32,
            _ => 0.0,
        };
        Self::of_score(score, ScoreRange::default(), reason)
    }

    /// The verdict with a finer word for its kind.
    pub fn with_detail(self, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// The verdict with the answer that was judged.
    pub fn with_answer(self, answer: impl Into<String>) -> Self {
        Self { answer: Some(answer.into()), ..self }
    }

    /// The verdict with figures beside its score.
    pub fn with_measures(self, measures: Vec<Measure>) -> Self {
        Self { measures, ..self }
    }

    /// True where a program ran into its time limit.
    pub fn has_timed_out(&self) -> bool {
        self.detail.as_deref() == Some(TIME_LIMIT)
    }

    /// True where all that was asked is there; a fraction of the score is no pass.
    pub fn passed(&self) -> bool {
        self.kind == VerdictKind::Passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_is_paid_only_where_it_is_asked_for() {
        assert_eq!(Verdict::of_checks(1, 4, true, "").score, 0.25);
        assert_eq!(Verdict::of_checks(3, 4, false, "").score, 0.0);
        assert_eq!(Verdict::of_checks(3, 4, true, "").kind, VerdictKind::Partial);
        assert!(Verdict::of_checks(4, 4, false, "").passed());
    }

    #[test]
    fn a_verdict_without_an_answer_is_written_and_read_as_before() {
        let line = r#"{"kind":"failed","score":0.0,"reason":"no"}"#;
        assert_eq!(serde_json::to_string(&Verdict::fail("no")).unwrap(), line);
        assert_eq!(serde_json::from_str::<Verdict>(line).unwrap(), Verdict::fail("no"));
        let full = Verdict::pass("").with_answer("7").with_measures(vec![Measure::of_count("strict", 2, 3)]);
        let written = serde_json::to_string(&full).unwrap();
        assert_eq!(serde_json::from_str::<Verdict>(&written).unwrap(), full);
    }

    #[test]
    fn no_checks_pay_nothing() {
        assert_eq!(Verdict::of_checks(0, 0, true, ""), Verdict::fail(""));
    }

    #[test]
    fn a_range_of_its_own_has_its_own_pass() {
        let range = ScoreRange { low: -1.0, high: 1.0 };
        let kinds = [-1.0, 0.0, 1.0].map(|score| Verdict::of_score(score, range, "").kind);
        assert_eq!(kinds, [VerdictKind::Failed, VerdictKind::Partial, VerdictKind::Passed]);
        assert_eq!([-1.0, 0.0, 1.0].map(|score| range.unit(score)), [0.0, 0.5, 1.0]);
        assert!(!range.contains(f32::NAN) && !range.contains(1.5) && range.is_valid());
        assert!(!ScoreRange { low: 1.0, high: 1.0 }.is_valid());
    }
}
