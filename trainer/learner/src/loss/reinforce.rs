//! REINFORCE: plain policy gradient.
//!
//! `-A policy` (Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement learning",
//! 1992); the baseline is in the advantage.
//!
//! Departures: no ratio, so after the first update on a batch the gradient is that of the old policy's samples, not
//! corrected. The mean is over trained tokens, where the textbook sums a completion's tokens: long completions weigh
//! more, and the loss is smaller by the mean length.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::surrogate::{Surrogate, SurrogateInputs, SurrogateLosses};
use crate::aggregation::Aggregation;
use crate::kl::log_ratio;

/// Parameters of `kind = "reinforce"`: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reinforce {}

impl Surrogate for Reinforce {
    fn aggregation(&self) -> Aggregation {
        Aggregation::TokenMean
    }

    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn evaluate(&self, inputs: &SurrogateInputs) -> SurrogateLosses {
        SurrogateLosses {
            losses: (inputs.advantages * inputs.policy_logprobs).neg(),
            clipped: inputs.mask.zeros_like(),
            ratio: log_ratio(&inputs.policy_logprobs.detach(), inputs.old_logprobs).exp(),
        }
    }
}
