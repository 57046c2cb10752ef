//! From groups to what the update learns from.

use learner::trajectory::{Advantages, Rewards, Trajectory};

use crate::collect::Group;

/// The trajectories of a group, given the advantages of its rollouts: one for each sequence, in their order.
pub(crate) fn trajectories(group: &Group, advantages: &[f32]) -> Vec<Trajectory> {
    let rollouts = group.rollouts.iter().zip(advantages);
    rollouts
        .flat_map(|(rollout, advantage)| {
            rollout.sequences.iter().map(|sequence| Trajectory {
                ids: sequence.ids(),
                targets: sequence.sampled_ranges(),
                rollout_logprobs: sequence.rollout_logprobs().collect(),
                advantages: Advantages::Sequence(*advantage),
                rewards: Rewards::Outcome(rollout.reward.as_ref().map_or(0.0, |reward| reward.total)),
                ..Trajectory::default()
            })
        })
        .collect()
}
