//! `[reward.math]`: what a maths verdict is worth where it is neither right nor wrong as such.

use math_verifier::MathVerdictKind;
use serde::{Deserialize, Serialize};

use super::worth::Worth;

/// `[reward.math]`: the worth of a maths verdict that is neither `equal` nor `not_equal`. None of them is ever paid as
/// correct, whatever is chosen, and each is counted (`verify/math/*` of the metrics).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MathReward {
    /// The task's own answer cannot be read: the policy is not to blame.
    pub gold_unparsed: Worth,
    /// The completion's answer cannot be read. Under `mask` a policy would not learn to write readable answers.
    pub completion_unparsed: Worth,
    /// The completion holds no final answer.
    pub no_answer: Worth,
    /// The completion's answer is larger than the budgets of `[verifiers.math]`.
    pub budget_exceeded: Worth,
    /// The completion's answer is right only because it says the question again.
    pub repeated: Worth,
    /// The completion's answer is right only because it leaves the operation to be done.
    pub unevaluated: Worth,
}

impl Default for MathReward {
    fn default() -> Self {
        Self {
            gold_unparsed: Worth::Mask,
            completion_unparsed: Worth::Wrong,
            no_answer: Worth::Wrong,
            budget_exceeded: Worth::Wrong,
            repeated: Worth::Wrong,
            unevaluated: Worth::Wrong,
        }
    }
}

impl MathReward {
    /// The worth of the kind that metrics and verdicts call `word`.
    pub(super) fn worth_of_word(&self, word: &str) -> Option<Worth> {
        self.worth(*MathVerdictKind::ALL.iter().find(|kind| kind.as_str() == word)?)
    }

    /// The worth of a kind; `None` for `equal` and `not_equal`, whose scores stand.
    pub fn worth(&self, kind: MathVerdictKind) -> Option<Worth> {
        match kind {
            MathVerdictKind::Equal | MathVerdictKind::NotEqual => None,
            MathVerdictKind::GoldUnparsed => Some(self.gold_unparsed),
            MathVerdictKind::CompletionUnparsed => Some(self.completion_unparsed),
            MathVerdictKind::NoAnswer => Some(self.no_answer),
            MathVerdictKind::BudgetExceeded => Some(self.budget_exceeded),
            MathVerdictKind::Repeated => Some(self.repeated),
            MathVerdictKind::Unevaluated => Some(self.unevaluated),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neither_right_nor_wrong_is_worth_what_the_config_says() {
        let config = "no_answer = \"mask\"\nbudget_exceeded = \"abort\"\nunevaluated = \"mask\"";
        let config: MathReward = toml::from_str(config).unwrap();
        for (kind, worth) in [
            (MathVerdictKind::Equal, None),
            (MathVerdictKind::NotEqual, None),
            (MathVerdictKind::GoldUnparsed, Some(Worth::Mask)),
            (MathVerdictKind::CompletionUnparsed, Some(Worth::Wrong)),
            (MathVerdictKind::NoAnswer, Some(Worth::Mask)),
            (MathVerdictKind::BudgetExceeded, Some(Worth::Abort)),
            (MathVerdictKind::Repeated, Some(Worth::Wrong)),
            (MathVerdictKind::Unevaluated, Some(Worth::Mask)),
        ] {
            assert_eq!(config.worth(kind), worth, "{kind:?}");
        }
        let error = toml::from_str::<MathReward>("no_answer = \"paid\"").unwrap_err().to_string();
        assert!(error.contains("paid") && error.contains("mask"), "{error}");
    }
}
