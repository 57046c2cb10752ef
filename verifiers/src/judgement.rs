//! The verdicts of all the verifiers that a task names, and the one verdict that they come to.

use crate::verdict::{ScoreRange, Verdict, VerdictKind};
use crate::{VerifierError, error};

/// What one of a task's verifiers says of a completion.
#[derive(Debug)]
pub struct VerifierVerdict {
    /// The verifier's name.
    pub verifier: String,
    /// Weight among the task's verifiers.
    pub weight: f32,
    /// The scores that the verifier may give.
    pub range: ScoreRange,
    /// The verdict, or why there is none.
    pub verdict: Result<Verdict, VerifierError>,
    /// Seconds that it took.
    pub seconds: f64,
}

impl VerifierVerdict {
    /// The kind of the verdict, or of the reason why there is none.
    pub fn kind(&self) -> VerdictKind {
        match &self.verdict {
            Ok(verdict) => verdict.kind,
            Err(error) => error.kind(),
        }
    }

    /// The verifier's own finer word for the kind.
    pub fn detail(&self) -> Option<&str> {
        match &self.verdict {
            Ok(verdict) => verdict.detail.as_deref(),
            Err(VerifierError::GoldUnparsed { .. }) => Some(error::GOLD_UNPARSED),
            Err(_) => None,
        }
    }

    /// The reason of the verdict, or the error.
    pub fn reason(&self) -> String {
        match &self.verdict {
            Ok(verdict) => verdict.reason.clone(),
            Err(error) => format!("verifier error: {error}"),
        }
    }
}

/// The verdicts on one completion, in the order of the task's verifiers.
#[derive(Debug, Default)]
pub struct Judgement {
    /// A verdict for each verifier.
    pub verdicts: Vec<VerifierVerdict>,
}

impl Judgement {
    /// The first verifier that came to no verdict.
    pub fn error(&self) -> Option<&VerifierError> {
        self.verdicts.iter().find_map(|verdict| verdict.verdict.as_ref().err())
    }

    /// The reasons of all verifiers; each with its verifier's name where there are several.
    pub fn reason(&self) -> String {
        match self.verdicts.as_slice() {
            [only] => only.reason(),
            several => {
                let reasons: Vec<_> = several.iter().map(|one| format!("{}: {}", one.verifier, one.reason())).collect();
                reasons.join("; ")
            }
        }
    }

    /// The one verdict of all: its score, on the scale from 0 to 1, is the mean by weight of those verifiers that
    /// apply, and it passes where they all pass. `None` where none with a weight applies. Its answer is the first that
    /// one of them extracted, its measures are those of all.
    ///
    /// A verifier that came to no verdict counts with a score of 0: whoever holds it otherwise looks at
    /// [`error`](Self::error) first.
    pub fn verdict(&self) -> Option<Verdict> {
        self.verdict_but(|_| false)
    }

    /// The one verdict of all, in which the scores of those that `is_wrong` names are 0, whatever they say.
    pub(crate) fn verdict_but(&self, is_wrong: impl Fn(&VerifierVerdict) -> bool) -> Option<Verdict> {
        let counts = |said: &&VerifierVerdict| said.weight > 0.0 && said.kind() != VerdictKind::NotApplicable;
        let applies: Vec<_> = self.verdicts.iter().filter(counts).collect();
        let sum: f32 = applies.iter().map(|verdict| verdict.weight).sum();
        if applies.is_empty() {
            return None;
        }
        let unit = |one: &VerifierVerdict| match &one.verdict {
            Ok(verdict) if !is_wrong(one) => one.range.unit(verdict.score),
            _ => 0.0,
        };
        let score = applies.iter().map(|one| one.weight * unit(one)).sum::<f32>() / sum;
        let kind = match applies.as_slice() {
            [only] => only.kind(),
            several => {
                let all = |kind| several.iter().all(|one| one.kind() == kind);
                if all(VerdictKind::Passed) {
                    VerdictKind::Passed
                } else if score > 0.0 {
                    VerdictKind::Partial
                } else {
                    VerdictKind::Failed
                }
            }
        };
        let detail = match applies.as_slice() {
            [only] => only.detail().map(|detail| detail.to_owned().into()),
            _ => None,
        };
        let said = || applies.iter().filter_map(|one| one.verdict.as_ref().ok());
        let answer = said().find_map(|verdict| verdict.answer.clone());
        let measures = said().flat_map(|verdict| verdict.measures.iter().cloned()).collect();
        Some(Verdict { kind, score, reason: self.reason(), detail, answer, measures })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(weight: f32, verdict: Verdict) -> VerifierVerdict {
        VerifierVerdict {
            verifier: "one".into(),
            weight,
            range: ScoreRange::default(),
            verdict: Ok(verdict),
            seconds: 0.0,
        }
    }

    #[test]
    fn scores_are_averaged_by_weight_over_those_that_apply() {
        let verdicts = vec![
            said(3.0, Verdict::pass("yes")),
            said(1.0, Verdict::fail("no").with_answer("7")),
            said(9.0, Verdict::not_applicable("another language")),
        ];
        let verdict = Judgement { verdicts }.verdict().unwrap();
        assert_eq!((verdict.kind, verdict.score), (VerdictKind::Partial, 0.75));
        assert_eq!(verdict.answer.as_deref(), Some("7"));
        assert!(verdict.reason.contains("one: no"), "{}", verdict.reason);
    }

    #[test]
    fn all_must_pass_and_none_that_applies_is_no_verdict() {
        let passed = Judgement { verdicts: vec![said(1.0, Verdict::pass("")), said(0.0, Verdict::fail(""))] };
        assert!(passed.verdict().unwrap().passed());
        let none = Judgement { verdicts: vec![said(1.0, Verdict::not_applicable(""))] };
        assert_eq!(none.verdict(), None);
    }

    #[test]
    fn a_range_of_its_own_is_brought_to_the_common_scale() {
        let range = ScoreRange { low: -1.0, high: 1.0 };
        let verdict = Verdict::of_score(0.0, range, "");
        let judgement = Judgement { verdicts: vec![VerifierVerdict { range, ..said(1.0, verdict) }] };
        assert_eq!(judgement.verdict().unwrap().score, 0.5);
    }
}
