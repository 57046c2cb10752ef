//! Settings of an update.

use policy::{HeadOptions, Recompute};
use serde::{Deserialize, Serialize};

use crate::gae::GaeConfig;
use crate::loss::PolicyLossConfig;
use crate::value_loss::ValueLossConfig;

/// Which logprobs stand for the old policy in the ratio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OldLogprobs {
    /// The policy's own as the step begins, computed by the code that trains; a rollout correction then weighs how far
    /// the rollout's are from them.
    #[default]
    Recompute,
    /// Those that were recorded while sampling: a pass less, and the ratio holds the mismatch of the engines too.
    Rollout,
}

/// Settings of an update.
#[derive(Clone, Debug)]
pub struct UpdatePlan {
    /// Number of optimizer updates of the policy in each step.
    pub updates_per_step: usize,
    /// Most tokens that go through a model at a time.
    pub micro_batch_tokens: usize,
    /// Temperature of the rollout, and the head's chunk.
    pub head: HeadOptions,
    /// Part of the forward pass that the backward pass computes again.
    pub recompute: Recompute,
    /// Old policy of the ratio.
    pub old_logprobs: OldLogprobs,
    /// The policy's loss.
    pub loss: PolicyLossConfig,
    /// Critic, where the algorithm has one.
    pub critic: Option<CriticPlan>,
}

/// Settings of a critic in an update.
#[derive(Clone, Debug)]
pub struct CriticPlan {
    /// Discount, the policy's lambda, and whether advantages are whitened.
    pub gae: GaeConfig,
    /// Lambda of the returns that the critic learns.
    pub lambda: f64,
    /// Clip of the value loss.
    pub value_loss: ValueLossConfig,
    /// Number of optimizer updates of a critic with weights of its own in each step.
    pub updates_per_step: usize,
    /// Number of first steps in which only the critic learns.
    pub pretrain_steps: u64,
    /// Factor of the value loss where critic and policy share a trunk.
    pub coefficient: f64,
}
