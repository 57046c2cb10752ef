//! What a run of reinforcement learning trains, and the frozen policy that it is held to.

use policy::{Decoder, RewardModel};

use crate::ranks::Ranks;
use crate::trainable::{Actor, Trainable};

/// The policy, its critic and its reference: each but the policy only where a run needs it.
#[derive(Debug)]
pub struct Learner {
    /// Policy that is trained and sampled from, with the critic's head where the two share a trunk.
    pub policy: Trainable<Actor>,
    /// Version of the policy: 0 as it was loaded, one more with each update that changes it, or the number that came
    /// with weights from elsewhere.
    pub policy_version: u64,
    /// Critic with weights of its own.
    pub critic: Option<Trainable<RewardModel>>,
    /// Frozen policy of the KL term.
    pub reference: Option<Decoder>,
    /// The ranks that the update is spread over; a process by itself has none.
    pub ranks: Option<Ranks>,
}

impl Learner {
    /// A policy, and no more.
    pub fn of(policy: Trainable<Actor>) -> Self {
        Self { policy, policy_version: 0, critic: None, reference: None, ranks: None }
    }
}
