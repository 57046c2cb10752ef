//! A token that was drawn, and what is known of its distribution.

use serde::{Deserialize, Serialize};

/// One drawn token.
#[derive(Debug, Clone, PartialEq)]
pub struct SampledToken {
    /// Token id, a column of the logits.
    pub id: u32,
    /// Logprob after adjustments, temperature and filters, renormalised; 0 when greedy. Not finite where adjustments
    /// leave no token.
    pub rollout_logprob: f32,
    /// Logprob under the model's softmax at temperature 1. Not finite where the logits are not.
    pub raw_logprob: f32,
    /// Entropy in nats of the adjusted, temperature-scaled distribution before filters (greedy: temperature 1).
    pub entropy: f32,
    /// The likeliest tokens under the model's softmax at temperature 1, the likeliest first and of equal ones the lower
    /// id; as many as were asked for.
    pub top_logprobs: Vec<TokenLogprob>,
    /// Ids of the tokens that could be drawn after all filters, in order; empty unless asked for.
    pub kept_ids: Vec<u32>,
}

/// A token's logprob.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenLogprob {
    /// Token id.
    pub id: u32,
    /// Its logprob.
    pub logprob: f32,
}
