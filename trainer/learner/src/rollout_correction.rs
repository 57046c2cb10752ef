//! Weights that correct for the difference between the engine that sampled and the policy that learns.
//!
//! With `w = exp(old - rollout)` on each token, a constant without gradient:
//!
//! - truncated importance sampling: `min(w, cap)` (Yao et al., "Your efficient RL framework secretly brings you
//!   off-policy RL training", 2025);
//! - IcePop: `w` inside a band, 0 outside (Ling Team, "Every step evolves", arXiv 2510.18855); `mask_only` has 1
//!   inside, as some trainers do.
//!
//! Per token: products over a sequence would reject long completions. The weight multiplies the policy's term of the
//! loss and not its KL term.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::kl::log_ratio;

/// Weight of a token by the ratio of old to rollout probability.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RolloutCorrection {
    /// Every token weighs 1.
    #[default]
    None,
    /// Truncated importance sampling: the ratio, at most `cap`.
    Tis {
        /// Largest weight.
        #[serde(default = "default_cap")]
        cap: f64,
    },
    /// The ratio inside a band, and 0 outside.
    #[serde(rename = "icepop")]
    IcePop {
        /// Smallest ratio that is kept.
        #[serde(default = "default_low")]
        low: f64,
        /// Largest ratio that is kept.
        #[serde(default = "default_high")]
        high: f64,
        /// True where tokens inside the band weigh 1 and not their ratio.
        #[serde(default)]
        mask_only: bool,
    },
}

fn default_cap() -> f64 {
    2.0
}

fn default_low() -> f64 {
    0.5
}

fn default_high() -> f64 {
    5.0
}

impl RolloutCorrection {
    /// # Errors
    /// A bound is not positive and finite, or the band is empty.
    pub fn validate(&self) -> Result<()> {
        match *self {
            Self::None => {}
            Self::Tis { cap } => ensure!(
                cap.is_finite() && cap > 0.0,
                "loss.rollout_correction.tis.cap is {cap}; set a positive number (2 is usual)"
            ),
            Self::IcePop { low, high, .. } => ensure!(
                low >= 0.0 && high > low && high.is_finite(),
                "loss.rollout_correction.icepop: the band {low}..{high} is empty; set 0 <= low < high"
            ),
        }
        Ok(())
    }

    /// Weights `[tokens]` float32, and `[tokens]` bool, true where a weight was capped or dropped; both without a
    /// graph. `None` where every token weighs 1.
    pub fn weights(&self, old_logprobs: &Tensor, rollout_logprobs: &Tensor) -> Option<(Tensor, Tensor)> {
        let ratio = || log_ratio(&old_logprobs.detach(), &rollout_logprobs.detach()).exp();
        match *self {
            Self::None => None,
            Self::Tis { cap } => {
                let ratio = ratio();
                Some((ratio.clamp_max(cap), ratio.gt(cap)))
            }
            Self::IcePop { low, high, mask_only } => {
                let ratio = ratio();
                let outside = ratio.lt(low).logical_or(&ratio.gt(high));
                let weight = if mask_only { ratio.ones_like() } else { ratio };
                let weight = weight.masked_fill(&outside, 0.0).to_kind(Kind::Float);
                Some((weight, outside))
            }
        }
    }
}
