//! Inputs of a policy loss beside the policy's own logprobs, whole or in pieces.

use anyhow::{Result, ensure};
use tch::Tensor;

use crate::aggregation::Sequences;

/// Tensors that a loss is computed from, beside the policy's logprobs. Masked tokens may hold anything, even NaN.
#[derive(Debug)]
pub struct LossInputs {
    /// `[tokens]`, of the weights as they were before the first update on this batch. `None` where no update was made
    /// since: the policy's own logprobs stand for them, and every ratio is 1.
    pub old_logprobs: Option<Tensor>,
    /// `[tokens]`, recorded while sampling; needed by a rollout correction.
    pub rollout_logprobs: Option<Tensor>,
    /// `[tokens]`, of the frozen policy; needed by a KL coefficient.
    pub reference_logprobs: Option<Tensor>,
    /// `[tokens]`; a completion's advantage stands on each of its tokens.
    pub advantages: Tensor,
    /// `[tokens]`, bool or numbers: true or not 0 for the tokens that are trained on.
    pub mask: Tensor,
    /// `[tokens]` float32, by [`crate::aggregation::Aggregation::token_weights`].
    pub weights: Tensor,
    /// Places of the completions.
    pub sequences: Sequences,
}

impl LossInputs {
    /// The inputs of the `length` tokens from `start` on, as views.
    pub fn narrow(&self, start: i64, length: i64) -> Self {
        let cut = |tensor: &Tensor| tensor.narrow(0, start, length);
        Self {
            old_logprobs: self.old_logprobs.as_ref().map(cut),
            rollout_logprobs: self.rollout_logprobs.as_ref().map(cut),
            reference_logprobs: self.reference_logprobs.as_ref().map(cut),
            advantages: cut(&self.advantages),
            mask: cut(&self.mask),
            weights: cut(&self.weights),
            sequences: self.sequences.narrow(start, length),
        }
    }

    /// # Errors
    /// There is no token, or a tensor has another number of tokens than the completions; it is named.
    pub(super) fn check(&self, policy_logprobs: &Tensor) -> Result<()> {
        let num_tokens = self.sequences.num_tokens();
        ensure!(num_tokens > 0, "a loss needs at least one token");
        let named = [
            ("policy_logprobs", Some(policy_logprobs)),
            ("old_logprobs", self.old_logprobs.as_ref()),
            ("rollout_logprobs", self.rollout_logprobs.as_ref()),
            ("reference_logprobs", self.reference_logprobs.as_ref()),
            ("advantages", Some(&self.advantages)),
            ("mask", Some(&self.mask)),
            ("weights", Some(&self.weights)),
        ];
        for (name, tensor) in named {
            if let Some(tensor) = tensor {
                ensure!(
                    tensor.size() == [num_tokens],
                    "{name} has shape {:?}, but the completions have {num_tokens} tokens",
                    tensor.size()
                );
            }
        }
        Ok(())
    }
}
