//! The state of the model's thread: the policy, and the tensors that train and judge beside it.

use std::path::Path;

use anyhow::Result;
use policy::{Decoder, NamedTensors, Parameter, Placement, Policy, RewardModel};

use learner::optimizer::adamw::{AdamW, AdamWConfig};

/// The policy, its optimizer, the frozen reference, and a reward model: each but the policy only where a run needs it.
pub(crate) struct Learner {
    /// Policy that is trained and sampled from.
    pub policy: Policy,
    /// Number of updates of the policy: 0 is the policy as it was loaded.
    pub policy_version: u64,
    /// Number of updates so far, skipped ones included: the place in the learning rate's schedule.
    pub num_updates: u64,
    /// Optimizer, and the parameters that it updates.
    pub optimizer: Option<(AdamW, NamedTensors)>,
    /// Frozen policy of the KL term.
    pub reference: Option<Decoder>,
    /// General reward model of stage 2.
    pub reward_model: Option<RewardModel>,
}

impl Learner {
    /// Loads a policy to sample from, and no more.
    ///
    /// # Errors
    /// The folder does not load.
    pub(crate) fn load(folder: &Path, placement: Placement) -> Result<Self> {
        Ok(Self::of(Policy::load(folder, placement)?))
    }

    /// A policy to sample from, and no more.
    pub(crate) fn of(policy: Policy) -> Self {
        Self { policy, policy_version: 0, num_updates: 0, optimizer: None, reference: None, reward_model: None }
    }

    /// Makes the policy trainable.
    ///
    /// # Errors
    /// The optimizer's configuration is out of range.
    pub(crate) fn with_optimizer(mut self, config: &AdamWConfig) -> Result<Self> {
        let parameters = trainable(self.policy.decoder.parameters());
        self.optimizer = Some((AdamW::new(config.clone())?, parameters));
        Ok(self)
    }
}

/// The parameters by name, made to require gradients.
pub(crate) fn trainable(parameters: Vec<Parameter>) -> NamedTensors {
    parameters.into_iter().map(|Parameter { name, tensor }| (name, tensor.set_requires_grad(true))).collect()
}
