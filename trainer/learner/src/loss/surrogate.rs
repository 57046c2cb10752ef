//! Seam of the kinds of loss: logprobs and advantages in, one loss a token out.
//!
//! The gradient of a surrogate is a policy gradient. It knows nothing of corrections, KL terms and aggregation.

use anyhow::Result;
use tch::Tensor;

use crate::aggregation::{Aggregation, Sequences};

/// One kind of policy loss, with its parameters.
pub trait Surrogate {
    /// Aggregation of the kind's paper, where the configuration names none.
    fn aggregation(&self) -> Aggregation;

    /// True where a token's loss depends on that token alone.
    fn is_token_wise(&self) -> bool {
        true
    }

    /// # Errors
    /// A parameter is outside the range in which the loss means something.
    fn validate(&self) -> Result<()>;

    /// Remarks on parameters, or on `aggregation` beside them, that no paper has; a sentence each.
    fn notes(&self, _aggregation: Aggregation) -> Vec<String> {
        Vec::new()
    }

    /// Losses of the tokens.
    fn evaluate(&self, inputs: &SurrogateInputs) -> SurrogateLosses;
}

/// Inputs of a surrogate. Masked tokens are 0 in all of them.
#[derive(Debug)]
pub struct SurrogateInputs<'a> {
    /// `[tokens]` float32, of the weights being trained, with a graph.
    pub policy_logprobs: &'a Tensor,
    /// `[tokens]` float32, of the weights before the first update on this batch, without a graph.
    pub old_logprobs: &'a Tensor,
    /// `[tokens]` float32, without a graph.
    pub advantages: &'a Tensor,
    /// `[tokens]` bool, true for the tokens that are trained on.
    pub mask: &'a Tensor,
    /// Places of the completions.
    pub sequences: &'a Sequences,
}

/// Losses before correction and aggregation, and which tokens were cut.
#[derive(Debug)]
pub struct SurrogateLosses {
    /// `[tokens]` float32, with a graph.
    pub losses: Tensor,
    /// `[tokens]` bool: the clip took the token's gradient, or bounded it.
    pub clipped: Tensor,
    /// `[tokens]` float32, of the current to the old policy, without a graph.
    pub ratio: Tensor,
}
