//! CISPO as its paper prints it: policy gradient weighted by the ratio, clipped on both sides.
//!
//! `-sg(clip(r, 1 - low, 1 + high)) A policy` with `r = exp(policy - old)` (MiniMax-M1, arXiv 2506.13585).
//!
//! Departures: the paper gives no numbers and runs without the lower bound ([`super::cispo`]); the defaults are the
//! band of PPO's clip as DAPO has it.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::cispo::weighted_policy_gradient;
use super::clip_range::{check_clip_high, check_clip_low};
use super::surrogate::{Surrogate, SurrogateInputs, SurrogateLosses};
use crate::aggregation::Aggregation;

/// Parameters of `kind = "cispo_two_sided"`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CispoTwoSided {
    /// Distance of the smallest weight from 1.
    pub clip_low: f64,
    /// Distance of the largest weight from 1.
    pub clip_high: f64,
}

impl Default for CispoTwoSided {
    fn default() -> Self {
        Self { clip_low: 0.2, clip_high: 0.28 }
    }
}

impl Surrogate for CispoTwoSided {
    fn aggregation(&self) -> Aggregation {
        Aggregation::TokenMean
    }

    fn validate(&self) -> Result<()> {
        check_clip_low(self.clip_low)?;
        check_clip_high(self.clip_high)
    }

    fn evaluate(&self, inputs: &SurrogateInputs) -> SurrogateLosses {
        weighted_policy_gradient(inputs, |ratio| ratio.clamp(1.0 - self.clip_low, 1.0 + self.clip_high))
    }
}
