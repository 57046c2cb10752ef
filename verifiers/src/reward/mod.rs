//! Verdicts become the one number that training sees.
//!
//! Outcome (stage 1): `wrong + score * (correct - wrong)`, and a bonus for the format.
//!
//! With `[[reward.term]]` the reward is what the terms say instead (see `term`).
//!
//! Gate (stage 2, where a reward model scored the completion), from Qwen2.5-Math (arXiv 2409.12122, section 3.3):
//! `r = sigmoid(alpha * r_m) + (r_v - 1)` with `r_m` the reward model's score and `r_v` the rule's. Completions that
//! pass the rules lie in (0, 1), those that fail in (-1, 0): the model ranks, and never lifts a wrong completion above
//! a right one. Departure: `r_v` may be a fraction where a verifier gives partial credit. Pure functions; nothing here
//! reads a completion.

mod config;
mod math;
mod settlement;
mod term;
mod worth;

use serde::{Deserialize, Serialize};

pub use self::config::RewardConfig;
pub use self::math::MathReward;
pub use self::settlement::Settlement;
pub use self::term::{Combination, Reading, TermConfig, TermInput};
pub use self::worth::{Worth, WorthByKind, WorthByVerifier};
use crate::Verdict;

/// A reward with its breakdown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reward {
    /// The sum of the breakdown.
    pub total: f32,
    /// The summands by name (`outcome`, `format`, `reward_model`, `gate`), in the order they were added.
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
/// `verdict` comes from the task's verifier, `format` from the format verifier where one ran. `reward_model_score` is
/// the reward model's raw score (a logit) where one ran; `truncated` says that the length limit cut the completion.
/// With a reward model's score the gate makes the reward, without one the outcome does; stage 2 mixes both. A score
/// that is NaN gives a total of NaN: check the reward model's scores before.
pub fn compose(
    verdict: &Verdict,
    format: Option<&Verdict>,
    reward_model_score: Option<f32>,
    truncated: bool,
    config: &RewardConfig,
) -> Reward {
    let cut = truncated && !config.judge_truncated;
    let format_passed = format.is_some_and(Verdict::passed);
    let misformatted = config.format_required && format.is_some() && !format_passed;
    let score = if cut || misformatted { 0.0 } else { verdict.score };

    let mut breakdown = match reward_model_score {
        Some(reward_model_score) => {
            vec![("reward_model", sigmoid(config.reward_model_scale * reward_model_score)), ("gate", score - 1.0)]
        }
        None if cut => vec![("outcome", config.truncated.unwrap_or(config.wrong))],
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
        let config = RewardConfig { truncated: Some(-0.5), format_bonus: 0.1, ..RewardConfig::default() };
        let right = Verdict::pass("");
        assert_eq!(compose(&right, Some(&right), None, true, &config).total, -0.5);
        let judged = RewardConfig { judge_truncated: true, ..config };
        assert_eq!(compose(&right, None, None, true, &judged).total, 1.0);
    }

    #[test]
    fn running_into_the_limit_pays_no_more_than_a_wrong_answer() {
        let config = RewardConfig { wrong: -1.0, ..RewardConfig::default() };
        assert_eq!(compose(&Verdict::pass(""), None, None, true, &config).total, -1.0);
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
    fn the_format_is_a_bonus_or_a_condition() {
        let config = RewardConfig { format_bonus: 0.2, ..RewardConfig::default() };
        let (good, bad) = (Verdict::pass(""), Verdict::fail(""));
        assert_eq!(compose(&bad, Some(&good), None, false, &config).total, 0.2);
        assert_eq!(compose(&good, Some(&bad), None, false, &config).total, 1.0);
        let required = RewardConfig { format_required: true, ..config };
        assert_eq!(compose(&good, Some(&bad), None, false, &required).total, 0.0);
    }
}
