//! PPO's clipped surrogate on each token's ratio: the loss of GRPO, DAPO and Dr. GRPO.
//!
//! `-min(r A, clip(r, 1 - low, 1 + high) A)` with `r = exp(policy - old)` (PPO, arXiv 1707.06347); `low < high` and the
//! mean over all trained tokens are DAPO's (arXiv 2503.14476), and the defaults here. With `dual_clip` c, the loss of a
//! token with `A < 0` is at most `-c A` (Ye et al., arXiv 1912.09729).
//!
//! Departures: TRL's `delta` caps the unclipped ratio whatever the sign of `A`, which is the same for `c > 1 + high`.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use tch::{Tensor, no_grad};

use super::clip_range::{check_clip_high, check_clip_low};
use super::surrogate::{Surrogate, SurrogateInputs, SurrogateLosses};
use crate::aggregation::Aggregation;
use crate::kl::log_ratio;

/// Parameters of `kind = "ppo_clip"`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PpoClip {
    /// Distance by which the ratio may fall below 1. 0.2 in PPO and DAPO.
    pub clip_low: f64,
    /// Distance by which the ratio may rise above 1. 0.2 in PPO, 0.28 in DAPO.
    pub clip_high: f64,
    /// Bound on the loss of tokens with a negative advantage, in units of the advantage's size. Over 1; 3 in its paper,
    /// 10 in DAPO's code; none where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dual_clip: Option<f64>,
}

impl Default for PpoClip {
    fn default() -> Self {
        Self { clip_low: 0.2, clip_high: 0.28, dual_clip: None }
    }
}

impl Surrogate for PpoClip {
    fn aggregation(&self) -> Aggregation {
        Aggregation::TokenMean
    }

    fn validate(&self) -> Result<()> {
        check_clip_low(self.clip_low)?;
        check_clip_high(self.clip_high)?;
        if let Some(bound) = self.dual_clip {
            ensure!(bound.is_finite() && bound > 1.0, "loss.dual_clip is {bound}; set it over 1, or leave it out");
        }
        Ok(())
    }

    fn evaluate(&self, inputs: &SurrogateInputs) -> SurrogateLosses {
        let ratio = log_ratio(inputs.policy_logprobs, inputs.old_logprobs).exp();
        let mut result = clipped_surrogate(&ratio, inputs, self.clip_low, self.clip_high);
        if let Some(bound) = self.dual_clip {
            let ceiling = inputs.advantages * -bound; // [tokens]
            let falls = inputs.advantages.lt(0.0);
            let is_cut = no_grad(|| falls.logical_and(&result.losses.gt_tensor(&ceiling)));
            result.losses = ceiling.where_self(&is_cut, &result.losses);
        }
        result
    }
}

/// `-min(ratio A, clip(ratio, 1 - low, 1 + high) A)`, for `ratio` `[tokens]` with a graph.
pub(super) fn clipped_surrogate(ratio: &Tensor, inputs: &SurrogateInputs, low: f64, high: f64) -> SurrogateLosses {
    let free = ratio * inputs.advantages;
    let bounded = ratio.clamp(1.0 - low, 1.0 + high) * inputs.advantages;
    SurrogateLosses {
        losses: free.minimum(&bounded).neg(),
        clipped: no_grad(|| bounded.lt_tensor(&free)),
        ratio: ratio.detach(),
    }
}
