//! The reward model's loss on pairs of completions, of which one was preferred.
//!
//! Bradley-Terry: `-log sigmoid(chosen - rejected - margin)`, plus `c (chosen + rejected)^2` that keeps scores around 0
//! (Eisenstein et al., arXiv 2312.09244), averaged over the minibatch's pairs. Without margins: InstructGPT's loss
//! (arXiv 2203.02155); with them: Llama 2's (arXiv 2307.09288).

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::masked_statistics::numbers;

/// Section `preference`: the reward model's loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PreferenceLossConfig {
    /// Factor of the square of a pair's summed scores. 0 turns centering off; 0.01 in its paper.
    pub centering_coefficient: f64,
}

impl Default for PreferenceLossConfig {
    fn default() -> Self {
        Self { centering_coefficient: 0.01 }
    }
}

impl PreferenceLossConfig {
    /// Errors where the coefficient is negative or not finite.
    pub fn validate(&self) -> Result<()> {
        ensure!(
            self.centering_coefficient.is_finite() && self.centering_coefficient >= 0.0,
            "preference.centering_coefficient is {}; set it to 0 or more",
            self.centering_coefficient
        );
        Ok(())
    }
}

/// A preference loss and its metrics.
pub struct PreferenceOutput {
    /// Scalar float32 with a graph: these pairs' share of the minibatch's loss.
    pub loss: Tensor,
    /// Number of pairs whose chosen completion scored higher; a tie does not count.
    pub num_correct: i64,
    /// Sum over pairs of chosen minus rejected score.
    pub score_gap_sum: f64,
}

/// The loss of scores `[pairs]` of any float type; `margins` `[pairs]` are subtracted from the gap.
///
/// `num_pairs` is the number of pairs in the whole minibatch, so that micro-batches add up to its mean.
pub fn preference_loss(
    chosen: &Tensor,
    rejected: &Tensor,
    margins: Option<&Tensor>,
    config: &PreferenceLossConfig,
    num_pairs: i64,
) -> PreferenceOutput {
    let chosen = chosen.to_kind(Kind::Float); // [pairs]
    let rejected = rejected.to_kind(Kind::Float);
    let gap = &chosen - &rejected;
    let lead = match margins {
        Some(margins) => &gap - margins.detach().to_kind(Kind::Float),
        None => gap.shallow_clone(),
    };
    let centering = (&chosen + &rejected).square() * config.centering_coefficient;
    let loss = (centering - lead.log_sigmoid()).sum(Kind::Float) / num_pairs.max(1) as f64;
    let counted = Tensor::stack(&[gap.gt(0.0).sum(Kind::Float), gap.detach().sum(Kind::Float)], 0);
    let counted = numbers(&counted);
    PreferenceOutput { loss, num_correct: counted[0] as i64, score_gap_sum: counted[1] }
}
