//! A judgement: a verdict before its reason is put in words.

use crate::comparison::Outcome;
use crate::sides::Side;
use crate::unreadable::Unreadable;
use crate::{MathVerdictKind, Stage};

/// The decision on two answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Judgement {
    pub(super) kind: MathVerdictKind,
    pub(super) stage: Stage,
    /// The end of a sentence whose subject is an answer, where the answers could not be compared.
    pub(super) why: Option<&'static str>,
}

impl Judgement {
    /// A decision that was reached.
    pub(super) fn decided(is_equal: bool, stage: Stage) -> Self {
        let kind = if is_equal { MathVerdictKind::Equal } else { MathVerdictKind::NotEqual };
        Self { kind, stage, why: None }
    }

    /// The answer of `side` could not be read.
    pub(super) fn unreadable(side: Side, why: Unreadable) -> Self {
        let (kind, stage, why) = match (side, why) {
            (Side::Gold, Unreadable::Notation(why) | Unreadable::Budget(why)) => {
                (MathVerdictKind::GoldUnparsed, Stage::Gold, why)
            }
            (Side::Completion, Unreadable::Notation(why)) => (MathVerdictKind::CompletionUnparsed, Stage::Parsing, why),
            (Side::Completion, Unreadable::Budget(why)) => (MathVerdictKind::BudgetExceeded, Stage::Parsing, why),
        };
        Self { kind, stage, why: Some(why) }
    }

    /// The judgement that a comparison of values comes to.
    pub(super) fn of_outcome(outcome: Outcome) -> Self {
        let (kind, why) = match outcome {
            Outcome::Equal(stage) => return Self::decided(true, stage),
            Outcome::NotEqual(stage) => return Self::decided(false, stage),
            Outcome::GoldNotComputed => {
                (MathVerdictKind::GoldUnparsed, "could not be computed, and is written otherwise")
            }
            Outcome::CompletionNotComputed => (MathVerdictKind::CompletionUnparsed, "could not be computed"),
            Outcome::TooLarge => {
                (MathVerdictKind::BudgetExceeded, "has no value, or one that is too large to be computed")
            }
        };
        Self { kind, stage: Stage::Numeric, why: Some(why) }
    }

    pub(super) fn is_equal(&self) -> bool {
        self.kind == MathVerdictKind::Equal
    }
}
