//! The verdict on one completion: its kind, the stage that decided, and the reason.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// Kind of verdict that [`verify`](crate::verify) gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum MathVerdictKind {
    /// The answers are equal.
    Equal,
    /// Both answers are understood and differ.
    NotEqual,
    /// The gold is not understood well enough to judge this completion: nothing may be paid or charged.
    GoldUnparsed,
    /// The gold is understood, the completion's answer is not. It pays nothing.
    CompletionUnparsed,
    /// The completion holds no final answer.
    NoAnswer,
    /// The completion's answer is larger than the limits of [`MathConfig`](crate::MathConfig) allow. It pays nothing.
    BudgetExceeded,
    /// The answer equals the gold, but stands in the question, and is written otherwise than the gold: it pays nothing.
    /// Only where the question is at hand.
    Repeated,
    /// The answer equals the gold, which is a plain value, but leaves an operation to do: `5 + 3` for 8. It pays
    /// nothing. Only where the question is at hand.
    Unevaluated,
}

impl MathVerdictKind {
    /// Every kind.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Name of the kind in metrics and in verdicts written as JSON.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Stage at which a verdict was reached, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Reading the gold.
    Gold,
    /// Looking for the final answer in the completion.
    Extraction,
    /// Reading the completion's answer.
    Parsing,
    /// Comparing normalised text.
    Text,
    /// Comparing exact rational numbers.
    Exact,
    /// Comparing values at a random point modulo two primes.
    Identity,
    /// Comparing values in floating point, with a bound of their error, at several points.
    Numeric,
    /// Comparing the kind of the answers, their number of members, or sets of real numbers.
    Structure,
    /// Holding an answer that is equal against the question.
    Question,
}

impl Stage {
    /// Name of the stage in verdicts written as JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gold => "gold",
            Self::Extraction => "extraction",
            Self::Parsing => "parsing",
            Self::Text => "text",
            Self::Exact => "exact",
            Self::Identity => "identity",
            Self::Numeric => "numeric",
            Self::Structure => "structure",
            Self::Question => "question",
        }
    }
}

/// The verdict on one completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MathVerdict {
    /// Equal, not equal, or why it cannot be told.
    pub kind: MathVerdictKind,
    /// Stage that decided.
    pub stage: Stage,
    /// Sentence for a person, quoting both answers.
    pub reason: String,
    /// The completion's answer as it was extracted; `None` where there is none, or where the gold cannot be read.
    pub answer: Option<String>,
}
