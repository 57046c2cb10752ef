//! GSPO: the clipped surrogate on a completion's length-normalised ratio.
//!
//! `-min(s A, clip(s, 1 - low, 1 + high) A)` with `s = exp(mean of (policy - old))`, the mean over the completion's
//! trained tokens (arXiv 2507.18071); the loss is the mean over completions. The mean log ratio moves little, so the
//! paper's clips are 3e-4 and 4e-4, and still clip far more tokens than PPO's.
//!
//! Departures: the gradient flows through every token of the completion, weighted as the whole completion is; with an
//! advantage by token it is not the paper's token variant. Completions that are wholly masked are left out of the mean.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::clip_range::{check_clip_high, check_clip_low};
use super::ppo_clip::clipped_surrogate;
use super::surrogate::{Surrogate, SurrogateInputs, SurrogateLosses};
use crate::aggregation::Aggregation;
use crate::kl::LOG_RATIO_BOUND;

/// Clip from which on a note is given: thirty times the paper's.
const LARGE_CLIP: f64 = 0.01;

/// Parameters of `kind = "gspo"`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gspo {
    /// Distance by which the completion's ratio may fall below 1. 3e-4 in its paper.
    pub clip_low: f64,
    /// Distance by which the completion's ratio may rise above 1. 4e-4 in its paper.
    pub clip_high: f64,
}

impl Default for Gspo {
    fn default() -> Self {
        Self { clip_low: 3e-4, clip_high: 4e-4 }
    }
}

impl Surrogate for Gspo {
    fn aggregation(&self) -> Aggregation {
        Aggregation::SequenceMean
    }

    fn is_token_wise(&self) -> bool {
        false
    }

    fn validate(&self) -> Result<()> {
        check_clip_low(self.clip_low)?;
        check_clip_high(self.clip_high)
    }

    fn notes(&self, aggregation: Aggregation) -> Vec<String> {
        let mut notes = Vec::new();
        if self.clip_low >= LARGE_CLIP || self.clip_high >= LARGE_CLIP {
            notes.push(format!(
                "loss.clip_low = {} and loss.clip_high = {} hold a completion's mean ratio, which moves far less than \
                 a token's: hardly a completion is clipped; GSPO's paper has 3e-4 and 4e-4",
                self.clip_low, self.clip_high
            ));
        }
        if matches!(aggregation, Aggregation::TokenMean | Aggregation::Constant { .. }) {
            notes.push(
                "loss.aggregation weighs long completions more, while kind = \"gspo\" has one ratio a completion; \
                 GSPO's paper takes the mean over completions (sequence_mean)"
                    .to_owned(),
            );
        }
        notes
    }

    fn evaluate(&self, inputs: &SurrogateInputs) -> SurrogateLosses {
        clipped_surrogate(&sequence_ratio(inputs), inputs, self.clip_low, self.clip_high)
    }
}

/// `[tokens]`: exp of the mean log ratio over the trained tokens of each token's completion, with a graph.
fn sequence_ratio(inputs: &SurrogateInputs) -> Tensor {
    let sequences = inputs.sequences;
    let counts = sequences.sums(&inputs.mask.to_kind(Kind::Float)).clamp_min(1.0); // [sequences]
    // Masked tokens are 0 in both logprobs.
    let means = sequences.sums(&(inputs.policy_logprobs - inputs.old_logprobs)) / counts;
    sequences.spread(&means.clamp(-LOG_RATIO_BOUND, LOG_RATIO_BOUND).exp())
}
