//! The outcome of a comparison.

use crate::Stage;

/// Outcome of comparing two answers, or two parts of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Equal(Stage),
    NotEqual(Stage),
    /// The gold has no value that could be compared.
    GoldNotComputed,
    /// The completion has no value that could be compared.
    CompletionNotComputed,
    /// The numbers are larger, or the lists longer, than what is computed.
    TooLarge,
}

impl Outcome {
    pub(super) fn decided(is_equal: bool, stage: Stage) -> Self {
        if is_equal { Self::Equal(stage) } else { Self::NotEqual(stage) }
    }
}

/// The less certain of two outcomes, and the later stage.
pub(super) fn worse(a: Outcome, b: Outcome) -> Outcome {
    match (a, b) {
        (Outcome::Equal(x), Outcome::Equal(y)) => Outcome::Equal(x.max(y)),
        (unequal @ Outcome::NotEqual(_), _) | (_, unequal @ Outcome::NotEqual(_)) => unequal,
        (Outcome::Equal(_), other) | (other, _) => other,
    }
}
