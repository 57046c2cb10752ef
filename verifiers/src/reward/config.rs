//! The `[reward]` section of a run's config.

use datasets::TaskKind;
use serde::{Deserialize, Serialize};

use super::math::MathReward;
use super::term::TermConfig;
use super::worth::{WorthByKind, WorthByVerifier};

/// `[reward]`: how verdicts become rewards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RewardConfig {
    /// Outcome reward of a score of 1.
    pub correct: f32,
    /// Outcome reward of a score of 0. Published recipes use 0 (Open-Reasoner-Zero) or -1 (DAPO).
    pub wrong: f32,
    /// Added to the reward where the format verifier passed. 0 leaves the format out.
    pub format_bonus: f32,
    /// True counts a completion in the wrong format as wrong, whatever it answers.
    pub format_required: bool,
    /// True judges a completion that the length limit cut by its verdict, like any other. With false its score counts
    /// as 0, and `truncated` is its outcome reward.
    pub judge_truncated: bool,
    /// Outcome reward of a completion cut by the length limit, where `judge_truncated` is false; `wrong` where absent,
    /// so that running into the limit never pays more than a wrong answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated: Option<f32>,
    /// `alpha` of the gate, the factor of the reward model's score: larger ranks more sharply. Qwen2.5-Math uses 0.5.
    pub reward_model_scale: f32,
    /// Kinds of tasks whose outcome is checked: the reward model scores the others.
    pub checked_kinds: Vec<TaskKind>,
    /// `[reward.worth]`: the worth of completions that were not judged.
    pub worth: WorthByKind,
    /// `[reward.worth_of.NAME]`: the same for the verifier NAME, by its own word for a kind or by the kind; it goes
    /// before `[reward.worth]`.
    pub worth_of: WorthByVerifier,
    /// `[[reward.term]]`: the terms of the reward. Without any, the outcome and the gate make it.
    pub term: Vec<TermConfig>,
    /// `[reward.math]`: the worth of maths verdicts that are neither equal nor not equal.
    pub math: MathReward,
}

impl Default for RewardConfig {
    fn default() -> Self {
        Self {
            correct: 1.0,
            wrong: 0.0,
            format_bonus: 0.0,
            format_required: false,
            judge_truncated: false,
            truncated: None,
            reward_model_scale: 0.5,
            checked_kinds: vec![TaskKind::MATH, TaskKind::CODE],
            term: Vec::new(),
            worth: WorthByKind::default(),
            worth_of: WorthByVerifier::new(),
            math: MathReward::default(),
        }
    }
}
