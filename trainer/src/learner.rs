//! What the model's thread owns: the policy and whatever trains and judges beside it.

use std::path::Path;

use anyhow::Result;
use policy::{Decoder, Parameter, Policy, RewardModel};
use tch::{Device, Kind, Tensor};

use crate::optimizer::adamw::{AdamW, AdamWConfig};

/// The policy, its optimizer, the frozen reference, and a reward model: each but the policy only where a run needs it.
pub struct Learner {
    /// What is trained and sampled from.
    pub policy: Policy,
    /// Counts updates: 0 is the policy as it was loaded.
    pub policy_version: u64,
    /// Optimizer calls so far, skipped ones included: the place in the learning rate's schedule.
    pub num_updates: u64,
    /// The optimizer, and the parameters that it updates.
    pub optimizer: Option<(AdamW, Vec<(String, Tensor)>)>,
    /// The policy that the KL term holds on to.
    pub reference: Option<Decoder>,
    /// Stage 2's general reward model.
    pub reward_model: Option<RewardModel>,
}

impl Learner {
    /// A policy to sample from, and no more.
    ///
    /// # Errors
    /// The folder does not load.
    pub fn load(folder: &Path, device: Device, kind: Kind) -> Result<Self> {
        Ok(Self::of(Policy::load(folder, device, kind)?))
    }

    /// As [`Learner::load`], with a policy at hand.
    pub fn of(policy: Policy) -> Self {
        Self { policy, policy_version: 0, num_updates: 0, optimizer: None, reference: None, reward_model: None }
    }

    /// Makes the policy trainable.
    ///
    /// # Errors
    /// The optimizer's configuration is out of range.
    pub fn with_optimizer(mut self, config: &AdamWConfig) -> Result<Self> {
        let parameters = trainable(self.policy.decoder.parameters());
        self.optimizer = Some((AdamW::new(config.clone())?, parameters));
        Ok(self)
    }
}

/// Parameters that ask autograd for gradients, by name.
pub fn trainable(parameters: Vec<Parameter>) -> Vec<(String, Tensor)> {
    parameters.into_iter().map(|Parameter { name, tensor }| (name, tensor.set_requires_grad(true))).collect()
}
