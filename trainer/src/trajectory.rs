//! Rollouts as the update sees them.

use crate::group::Group;

/// One rollout as the update sees it.
#[derive(Clone, Debug)]
pub(crate) struct Trajectory {
    /// Ids of the prompt, then those of the completion.
    pub ids: Vec<u32>,
    /// Number of ids that are the prompt.
    pub num_prompt: usize,
    /// Logprobs that were recorded while sampling, one for each token of the completion.
    pub rollout_logprobs: Vec<f32>,
    /// Advantage of every token of the completion.
    pub advantage: f32,
}

impl Trajectory {
    /// Number of tokens that are learned from.
    pub(crate) fn num_targets(&self) -> usize {
        self.ids.len() - self.num_prompt
    }

    /// Trajectories of a group, given its advantages in the order of its rollouts.
    pub(crate) fn of_group<'a>(group: &'a Group, advantages: &'a [f32]) -> impl Iterator<Item = Self> + 'a {
        group.rollouts.iter().zip(advantages).flat_map(|(rollout, advantage)| {
            rollout.sequences.iter().map(|sequence| Self {
                ids: sequence.ids(),
                num_prompt: sequence.prompt_ids().len(),
                rollout_logprobs: sequence.rollout_logprobs().collect(),
                advantage: *advantage,
            })
        })
    }
}
