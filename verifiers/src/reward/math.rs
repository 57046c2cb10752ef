//! `[reward.math]`: what a maths verdict is worth where the answers were not compared.

use math_verifier::MathVerdictKind;
use serde::{Deserialize, Serialize};

use super::worth::Worth;

/// `[reward.math]`: the worth of a maths verdict for which the answers were not compared. None of them is ever paid as
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
}

impl Default for MathReward {
    fn default() -> Self {
        Self {
            gold_unparsed: Worth::Mask,
            completion_unparsed: Worth::Wrong,
            no_answer: Worth::Wrong,
            budget_exceeded: Worth::Wrong,
        }
    }
}

impl MathReward {
    /// The worth of the kind that metrics and verdicts call `word`.
    pub(super) fn worth_of_word(&self, word: &str) -> Option<Worth> {
        self.worth(*MathVerdictKind::ALL.iter().find(|kind| kind.as_str() == word)?)
    }

    /// The worth of a kind; `None` for the two kinds that compared the answers, whose scores stand.
    pub fn worth(&self, kind: MathVerdictKind) -> Option<Worth> {
        match kind {
            MathVerdictKind::Equal | MathVerdictKind::NotEqual => None,
            MathVerdictKind::GoldUnparsed => Some(self.gold_unparsed),
            MathVerdictKind::CompletionUnparsed => Some(self.completion_unparsed),
            MathVerdictKind::NoAnswer => Some(self.no_answer),
            MathVerdictKind::BudgetExceeded => Some(self.budget_exceeded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_compared_is_worth_what_the_config_says() {
        let config: MathReward = toml::from_str("no_answer = \"mask\"\nbudget_exceeded = \"abort\"").unwrap();
        for (kind, worth) in [
            (MathVerdictKind::Equal, None),
            (MathVerdictKind::NotEqual, None),
            (MathVerdictKind::GoldUnparsed, Some(Worth::Mask)),
            (MathVerdictKind::CompletionUnparsed, Some(Worth::Wrong)),
            (MathVerdictKind::NoAnswer, Some(Worth::Mask)),
            (MathVerdictKind::BudgetExceeded, Some(Worth::Abort)),
        ] {
            assert_eq!(config.worth(kind), worth, "{kind:?}");
        }
        let error = toml::from_str::<MathReward>("no_answer = \"paid\"").unwrap_err().to_string();
        assert!(error.contains("paid") && error.contains("mask"), "{error}");
    }
}
