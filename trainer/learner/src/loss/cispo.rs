//! CISPO: policy gradient weighted by the ratio, capped from above.
//!
//! `-sg(min(r, 1 + high)) A policy` with `r = exp(policy - old)` (MiniMax-M1, arXiv 2506.13585, which runs without the
//! lower bound that it prints). A token past the cap keeps a bounded gradient, where PPO's clip takes it.
//!
//! Departures: the bound is the distance from 1, as in the paper; trainers that name the cap itself have cap = 1 +
//! high. The paper gives no number; the default is ScaleRL's cap of 5 (arXiv 2510.13786). ScaleRL averages over a
//! prompt's tokens and then over prompts; here over the minibatch's tokens.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::clip_range::check_clip_high;
use super::surrogate::{Surrogate, SurrogateInputs, SurrogateLosses};
use crate::aggregation::Aggregation;
use crate::kl::log_ratio;

/// Parameters of `kind = "cispo"`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cispo {
    /// Distance of the cap from 1: 4 is ScaleRL's cap of 5.
    pub clip_high: f64,
}

impl Default for Cispo {
    fn default() -> Self {
        Self { clip_high: 4.0 }
    }
}

impl Surrogate for Cispo {
    fn aggregation(&self) -> Aggregation {
        Aggregation::TokenMean
    }

    fn validate(&self) -> Result<()> {
        check_clip_high(self.clip_high)
    }

    fn evaluate(&self, inputs: &SurrogateInputs) -> SurrogateLosses {
        weighted_policy_gradient(inputs, |ratio| ratio.clamp_max(1.0 + self.clip_high))
    }
}

/// `-sg(bound(r)) A policy`; tokens whose ratio `bound` changes count as clipped.
pub(super) fn weighted_policy_gradient(
    inputs: &SurrogateInputs,
    bound: impl FnOnce(&Tensor) -> Tensor,
) -> SurrogateLosses {
    let ratio = log_ratio(&inputs.policy_logprobs.detach(), inputs.old_logprobs).exp(); // [tokens]
    let bounded = bound(&ratio);
    SurrogateLosses {
        losses: (&bounded * inputs.advantages * inputs.policy_logprobs).neg(),
        clipped: bounded.not_equal_tensor(&ratio),
        ratio,
    }
}
