//! The maths verifier: is the completion's final answer the task's?
//!
//! ```
//! use math_verifier::{MathConfig, MathVerdictKind, verify};
//!
//! let verdict = verify("1/2", "So the answer is \\boxed{0.5}.", &MathConfig::default());
//! assert_eq!(verdict.kind, MathVerdictKind::Equal);
//! ```
//!
//! [`verify`] goes through stages and says at which one it was decided and why: `extraction` finds the answer,
//! `notation` reads it to an `expression`, `comparison` decides with what `evaluation` computes: exactly, as an
//! identity modulo primes, or at points in floating point with a bound of the error. Every loop is bounded by what is
//! counted, so that the same input gives the same verdict on every machine. It knows nothing of tasks. An answer that it cannot read is never taken for a wrong one where the gold is to blame.

mod arithmetic;
pub mod batch;
mod comparison;
mod config;
mod evaluation;
mod expression;
mod extraction;
mod notation;
mod text;
mod unreadable;
mod verification;

pub use config::{MathConfig, MathPolicy};
pub use extraction::{Extraction, ExtractionConfig, ExtractionRule, extract, extract_gold};
use serde::{Deserialize, Serialize};
pub use verification::verify;

/// What [`verify`] decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// The completion's answer is larger than the limits of [`MathConfig`] allow. It pays nothing.
    BudgetExceeded,
}

impl MathVerdictKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Equal,
        Self::NotEqual,
        Self::GoldUnparsed,
        Self::CompletionUnparsed,
        Self::NoAnswer,
        Self::BudgetExceeded,
    ];

    /// Its name, as in metrics and in verdicts written as JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::NotEqual => "not_equal",
            Self::GoldUnparsed => "gold_unparsed",
            Self::CompletionUnparsed => "completion_unparsed",
            Self::NoAnswer => "no_answer",
            Self::BudgetExceeded => "budget_exceeded",
        }
    }
}

/// Where the decision fell, in the order in which they are tried.
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
    /// Comparing what kind of answer it is, how many members it has, or sets of real numbers.
    Structure,
}

impl Stage {
    /// Its name, as in verdicts written as JSON.
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
        }
    }
}

/// The decision on one completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MathVerdict {
    /// What was decided.
    pub kind: MathVerdictKind,
    /// Where.
    pub stage: Stage,
    /// Why, for a person.
    pub reason: String,
}
