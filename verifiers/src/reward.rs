//! Verdicts become the one number that training sees.
//!
//! Outcome (stage 1): `wrong + score * (correct - wrong)`, and a bonus for the format.
//!
//! Gate (stage 2, where a reward model scored the completion), from Qwen2.5-Math (arXiv 2409.12122, section 3.3):
//! `r = sigmoid(alpha * r_m) + (r_v - 1)` with `r_m` the reward model's score and `r_v` the rule's. What the rules pass lies in
//! (0, 1), what they fail in (-1, 0): the model ranks, and never lifts a wrong completion above a right one. Departure: `r_v`
//! may be a fraction where a verifier gives partial credit. Pure functions; nothing here reads a completion.

use math_verifier::MathVerdictKind;
use serde::{Deserialize, Serialize};

use crate::Verdict;

/// `[reward]`: how verdicts become rewards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RewardConfig {
    /// Outcome reward of a score of 1.
    pub correct: f32,
    /// Outcome reward of a score of 0. Published recipes use 0 (Open-Reasoner-Zero) or -1 (DAPO).
    pub wrong: f32,
    /// Added where the format verifier passed. 0 leaves the format out.
    pub format_bonus: f32,
    /// Whether a completion in the wrong format counts as wrong whatever it answers.
    pub format_required: bool,
    /// Whether a completion cut by the length limit is judged by its verdict like any other. False: its score counts as 0,
    /// and `truncated` is its outcome reward.
    pub judge_truncated: bool,
    /// Outcome reward of a completion cut by the length limit, where `judge_truncated` is false.
    pub truncated: f32,
    /// `alpha` of the gate: how sharply the reward model's score ranks. Qwen2.5-Math uses 0.5.
    pub reward_model_scale: f32,
    /// `[reward.math]`: what maths verdicts are worth that are neither equal nor not equal.
    pub math: MathReward,
}

/// `[reward.math]`: what a maths verdict is worth where the answers were not compared. Whatever is chosen, none of these
/// is ever paid as correct, and each is counted (`verify/math/*` of the metrics).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MathReward {
    /// The task's own answer cannot be read: the policy is not to blame.
    pub gold_unparsed: Undecided,
    /// The completion's answer cannot be read. Masked, a policy would learn nothing from writing what nobody can read.
    pub completion_unparsed: Undecided,
    /// The completion holds no final answer.
    pub no_answer: Undecided,
    /// The completion's answer is larger than the budgets of `[verifiers.math]`.
    pub budget_exceeded: Undecided,
}

impl Default for MathReward {
    fn default() -> Self {
        Self {
            gold_unparsed: Undecided::Mask,
            completion_unparsed: Undecided::Wrong,
            no_answer: Undecided::Wrong,
            budget_exceeded: Undecided::Wrong,
        }
    }
}

impl MathReward {
    /// What a kind is worth; nothing for the two kinds that compared the answers, whose scores stand.
    pub fn undecided(&self, kind: MathVerdictKind) -> Option<Undecided> {
        match kind {
            MathVerdictKind::Equal | MathVerdictKind::NotEqual => None,
            MathVerdictKind::GoldUnparsed => Some(self.gold_unparsed),
            MathVerdictKind::CompletionUnparsed => Some(self.completion_unparsed),
            MathVerdictKind::NoAnswer => Some(self.no_answer),
            MathVerdictKind::BudgetExceeded => Some(self.budget_exceeded),
        }
    }
}

/// What to do with a completion whose answer was not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undecided {
    /// It counts as a wrong answer.
    Wrong,
    /// It is left out of its group: no reward, no advantage, no part in the loss.
    Mask,
    /// The run ends with an error that names the task.
    Abort,
}

impl Default for RewardConfig {
    fn default() -> Self {
        Self {
            correct: 1.0,
            wrong: 0.0,
            format_bonus: 0.0,
            format_required: false,
            judge_truncated: false,
            truncated: 0.0,
            reward_model_scale: 0.5,
            math: MathReward::default(),
        }
    }
}

/// A reward and what it is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reward {
    /// The sum of the breakdown.
    pub total: f32,
    /// Its summands with their names (`outcome`, `format`, `reward_model`, `gate`), in the order they were added.
    pub breakdown: Vec<(String, f32)>,
}

impl Reward {
    fn of(breakdown: Vec<(&str, f32)>) -> Self {
        Self {
            total: breakdown.iter().map(|(_, value)| value).sum(),
            breakdown: breakdown.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        }
    }
}

/// Composes the reward of one completion.
///
/// `verdict` is the task's verifier's, `format` the format verifier's where one ran, `reward_model_score` the reward model's
/// raw score (a logit) where one ran, `truncated` whether the length limit cut the completion. With a reward model's score
/// the reward is the gate's, without it the outcome's; stage 2 mixes both. A score that is not a number gives a total that is
/// not one: check the reward model's scores before.
pub fn compose(
    verdict: &Verdict,
    format: Option<&Verdict>,
    reward_model_score: Option<f32>,
    truncated: bool,
    config: &RewardConfig,
) -> Reward {
    let cut = truncated && !config.judge_truncated;
    let format_passed = format.is_some_and(|format| format.passed);
    let misformatted = config.format_required && format.is_some() && !format_passed;
    let score = if cut || misformatted { 0.0 } else { verdict.score };

    let mut breakdown = match reward_model_score {
        Some(reward_model_score) => {
            vec![("reward_model", sigmoid(config.reward_model_scale * reward_model_score)), ("gate", score - 1.0)]
        }
        None if cut => vec![("outcome", config.truncated)],
        None => vec![("outcome", config.wrong + score * (config.correct - config.wrong))],
    };
    if config.format_bonus != 0.0 && format.is_some() {
        let bonus = if format_passed && !cut { config.format_bonus } else { 0.0 };
        breakdown.push(("format", bonus));
    }
    Reward::of(breakdown)
}

/// `1 / (1 + exp(-x))`, without overflow on either side.
fn sigmoid(x: f32) -> f32 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let exp = x.exp();
        exp / (1.0 + exp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compose_outcome(verdict: &Verdict, config: &RewardConfig) -> f32 {
        compose(verdict, None, None, false, config).total
    }

    #[test]
    fn the_outcome_is_what_the_config_says() {
        let config = RewardConfig { wrong: -1.0, ..RewardConfig::default() };
        assert_eq!(compose_outcome(&Verdict::pass(""), &config), 1.0);
        assert_eq!(compose_outcome(&Verdict::fail(""), &config), -1.0);
        assert_eq!(compose_outcome(&Verdict::of_checks(1, 2, true, ""), &config), 0.0);
    }

    #[test]
    fn a_truncated_completion_is_not_paid_even_where_it_is_right() {
        let config = RewardConfig { truncated: -0.5, format_bonus: 0.1, ..RewardConfig::default() };
        let right = Verdict::pass("");
        assert_eq!(compose(&right, Some(&right), None, true, &config).total, -0.5);
        let judged = RewardConfig { judge_truncated: true, ..config };
        assert_eq!(compose(&right, None, None, true, &judged).total, 1.0);
    }

    #[test]
    fn the_model_never_lifts_a_wrong_completion_above_a_right_one() {
        let config = RewardConfig::default();
        let scores = [-40.0, -3.0, 0.0, 3.0, 40.0];
        for right in scores {
            for wrong in scores {
                let right = compose(&Verdict::pass(""), None, Some(right), false, &config).total;
                let wrong = compose(&Verdict::fail(""), None, Some(wrong), false, &config).total;
                assert!(right >= 0.0 && wrong <= 0.0 && right >= wrong);
            }
        }
        let middle = compose(&Verdict::pass(""), None, Some(0.0), false, &config);
        assert_eq!(middle.total, 0.5);
        assert_eq!(middle.breakdown, [("reward_model".to_owned(), 0.5), ("gate".to_owned(), 0.0)]);
    }

    #[test]
    fn the_model_ranks_what_the_rules_hold_equal() {
        let config = RewardConfig::default();
        let total = |score| compose(&Verdict::pass(""), None, Some(score), false, &config).total;
        assert!(total(-1.0) < total(0.0) && total(0.0) < total(2.0));
    }

    #[test]
    fn a_truncated_completion_fails_the_gate() {
        let total = compose(&Verdict::pass(""), None, Some(0.0), true, &RewardConfig::default()).total;
        assert_eq!(total, -0.5);
    }

    #[test]
    fn what_was_not_compared_is_worth_what_the_config_says() {
        let config: MathReward = toml::from_str("no_answer = \"mask\"\nbudget_exceeded = \"abort\"").unwrap();
        for (kind, worth) in [
            (MathVerdictKind::Equal, None),
            (MathVerdictKind::NotEqual, None),
            (MathVerdictKind::GoldUnparsed, Some(Undecided::Mask)),
            (MathVerdictKind::CompletionUnparsed, Some(Undecided::Wrong)),
            (MathVerdictKind::NoAnswer, Some(Undecided::Mask)),
            (MathVerdictKind::BudgetExceeded, Some(Undecided::Abort)),
        ] {
            assert_eq!(config.undecided(kind), worth, "{kind:?}");
        }
        let error = toml::from_str::<MathReward>("no_answer = \"paid\"").unwrap_err().to_string();
        assert!(error.contains("paid") && error.contains("mask"), "{error}");
    }

    #[test]
    fn the_format_is_a_bonus_or_a_condition() {
        let config = RewardConfig { format_bonus: 0.2, ..RewardConfig::default() };
        let (good, bad) = (Verdict::pass(""), Verdict::fail(""));
        assert_eq!(compose(&bad, Some(&good), None, false, &config).total, 0.2);
        assert_eq!(compose(&good, Some(&bad), None, false, &config).total, 1.0);
        let required = RewardConfig { format_required: true, ..config };
        assert_eq!(compose(&good, Some(&bad), None, false, &required).total, 0.0);
    }
}
