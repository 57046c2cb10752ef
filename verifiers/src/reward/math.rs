//! `[reward.math]`: what a maths verdict is worth where it is neither right nor wrong as such.

use math_verifier::MathVerdictKind;
use serde::{Deserialize, Serialize};

/// `[reward.math]`: the worth of a maths verdict that is neither `equal` nor `not_equal`. None of them is ever paid as
/// correct, whatever is chosen, and each is counted (`verify/math/*` of the metrics).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MathReward {
    /// The task's own answer cannot be read: the policy is not to blame.
    pub gold_unparsed: Undecided,
    /// The completion's answer cannot be read. Under `mask` a policy would not learn to write readable answers.
    pub completion_unparsed: Undecided,
    /// The completion holds no final answer.
    pub no_answer: Undecided,
    /// The completion's answer is larger than the budgets of `[verifiers.math]`.
    pub budget_exceeded: Undecided,
    /// The completion's answer is right only because it says the question again.
    pub repeated: Undecided,
    /// The completion's answer is right only because it leaves the operation to be done.
    pub unevaluated: Undecided,
}

impl Default for MathReward {
    fn default() -> Self {
        Self {
            gold_unparsed: Undecided::Mask,
            completion_unparsed: Undecided::Wrong,
            no_answer: Undecided::Wrong,
            budget_exceeded: Undecided::Wrong,
            repeated: Undecided::Wrong,
            unevaluated: Undecided::Wrong,
        }
    }
}

impl MathReward {
    /// The worth of a kind; `None` for `equal` and `not_equal`, whose scores stand.
    pub fn undecided(&self, kind: MathVerdictKind) -> Option<Undecided> {
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

/// Treatment of a completion whose answer is neither right nor wrong as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undecided {
    /// The completion counts as a wrong answer.
    Wrong,
    /// The completion is left out of its group: no reward, no advantage, no part in the loss.
    Mask,
    /// The run ends with an error that names the task.
    Abort,
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
            (MathVerdictKind::GoldUnparsed, Some(Undecided::Mask)),
            (MathVerdictKind::CompletionUnparsed, Some(Undecided::Wrong)),
            (MathVerdictKind::NoAnswer, Some(Undecided::Mask)),
            (MathVerdictKind::BudgetExceeded, Some(Undecided::Abort)),
            (MathVerdictKind::Repeated, Some(Undecided::Wrong)),
            (MathVerdictKind::Unevaluated, Some(Undecided::Mask)),
        ] {
            assert_eq!(config.undecided(kind), worth, "{kind:?}");
        }
        let error = toml::from_str::<MathReward>("no_answer = \"paid\"").unwrap_err().to_string();
        assert!(error.contains("paid") && error.contains("mask"), "{error}");
    }
}
