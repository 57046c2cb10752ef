//! From groups to what the update learns from.

use learner::trajectory::{Advantages, Rewards, Trajectory, TrajectoryGroup};
use rollout::{Sequence, TokenDetails};

use crate::collect::{Group, Rollout};

/// The trajectories of groups, one for each sequence of each rollout, in their order; masked rollouts are counted.
/// `advantages` are those of each group's rollouts; none where the update makes them from the rewards.
pub(crate) fn trajectories(groups: &[Group], advantages: Option<&[Vec<f32>]>) -> Vec<TrajectoryGroup> {
    let of_group = |(place, group): (usize, &Group)| {
        let of_rollout = |(sample, rollout): (usize, &Rollout)| {
            let advantage = advantages.map_or(0.0, |advantages| advantages[place][sample]);
            let reward = rollout.reward.as_ref().map_or(0.0, |reward| reward.total);
            let of_sequence = move |sequence: &Sequence| Trajectory {
                ids: sequence.ids(),
                targets: sequence.sampled_ranges(),
                rollout_logprobs: sequence.rollout_logprobs().collect(),
                kept_ids: kept_ids(sequence),
                advantages: Advantages::Sequence(advantage),
                rewards: Rewards::Outcome(reward),
                ..Trajectory::default()
            };
            rollout.sequences.iter().map(of_sequence).collect::<Vec<_>>()
        };
        TrajectoryGroup {
            trajectories: group.rollouts.iter().enumerate().flat_map(of_rollout).collect(),
            num_masked: group.masked.iter().map(|rollout| rollout.sequences.len()).sum(),
        }
    };
    groups.iter().enumerate().map(of_group).collect()
}

/// Kept ids of each sampled token; `None` where its request did not ask for them.
pub(crate) fn kept_ids(sequence: &Sequence) -> Option<Vec<Vec<u32>>> {
    let of_token = |details: &TokenDetails| Some(details.kept_ids.clone()).filter(|ids| !ids.is_empty());
    sequence.details().map(of_token).collect::<Option<Vec<_>>>().filter(|kept| !kept.is_empty())
}
