//! The rules by name, and their switches.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use super::finding::Finding;
use super::{boxed, choice, last_formula, number, statement, whole};

/// A way to find the final answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum ExtractionRule {
    /// The last `\boxed{}` or `\fbox{}`, or the list over several of them.
    Boxed,
    /// "The answer is …", `答案是…`, `#### …`.
    Statement,
    /// A completion that is an answer and nothing else.
    Whole,
    /// The letter of a choice, alone on the last line or named by the last sentence.
    ClosingChoice,
    /// The last number in the text behind the last formula.
    LastNumber,
    /// The last formula between delimiters.
    LastFormula,
    /// The letter of a choice that the completion begins with.
    LeadingChoice,
}

impl ExtractionRule {
    /// All rules in the order in which they are tried.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Name of the rule in the configuration and in reasons.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    pub(super) fn find(self, text: &str) -> Finding<'_> {
        match self {
            Self::Boxed => boxed::find(text),
            Self::Statement => statement::find(text),
            Self::Whole => whole::find(text),
            Self::ClosingChoice => choice::find_closing(text),
            Self::LastNumber => number::find(text),
            Self::LastFormula => last_formula::find(text),
            Self::LeadingChoice => choice::find(text),
        }
    }
}

/// `[verifiers.math.extraction]`: which rules may find the final answer. For a policy that has learnt to box its
/// answers, switch all but `boxed` off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExtractionConfig {
    /// The last `\boxed{}` or `\fbox{}`, or the list over several of them.
    pub boxed: bool,
    /// "The answer is …", "final answer: …", `答案是…`, `故选…`, and GSM8K's `#### …`.
    pub statement: bool,
    /// A completion that is an answer and nothing else.
    pub whole: bool,
    /// The letter of a choice, alone on the last line or named by the last sentence, as in "I would say C".
    pub closing_choice: bool,
    /// The last number in the text behind the last formula.
    pub last_number: bool,
    /// The last formula between delimiters.
    pub last_formula: bool,
    /// The letter of a choice that the completion begins with, as in "B. Because …".
    pub leading_choice: bool,
}

impl Default for ExtractionConfig {
    fn default() -> Self {
        Self {
            boxed: true,
            statement: true,
            whole: true,
            closing_choice: true,
            last_number: true,
            last_formula: true,
            leading_choice: true,
        }
    }
}

impl ExtractionConfig {
    /// True where `rule` is switched on.
    pub fn allows(&self, rule: ExtractionRule) -> bool {
        match rule {
            ExtractionRule::Boxed => self.boxed,
            ExtractionRule::Statement => self.statement,
            ExtractionRule::Whole => self.whole,
            ExtractionRule::ClosingChoice => self.closing_choice,
            ExtractionRule::LastNumber => self.last_number,
            ExtractionRule::LastFormula => self.last_formula,
            ExtractionRule::LeadingChoice => self.leading_choice,
        }
    }
}
