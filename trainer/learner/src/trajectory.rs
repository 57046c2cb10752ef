//! Rollouts as the update sees them.

use std::ops::Range;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// Sequence of a rollout as the update sees it. Lists have one number a target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trajectory {
    /// Ids of all its tokens, whoever wrote them.
    pub ids: Vec<u32>,
    /// Places of the tokens that the policy sampled, which are learned from; in order and apart from one another.
    pub targets: Vec<Range<usize>>,
    /// Logprobs in nats that were recorded while sampling.
    pub rollout_logprobs: Vec<f32>,
    /// Ids that the sampling's filters left, the target's own among them; all logprobs are then over these. Absent
    /// where nothing was filtered.
    pub kept_ids: Option<Vec<Vec<u32>>>,
    /// Advantages of the targets. Those of an algorithm with a critic are computed in the update, from `rewards`.
    pub advantages: Advantages,
    /// Rewards, from which a critic's algorithm makes advantages.
    pub rewards: Rewards,
    /// Logprobs of the old policy; the update computes what it needs of them where they are absent.
    pub old_logprobs: Option<Vec<f32>>,
    /// Logprobs of the frozen policy; the update computes what it needs of them where they are absent.
    pub reference_logprobs: Option<Vec<f32>>,
    /// Values of the critic before the step's first update, around which the value loss clips; the update computes them
    /// where they are absent and there is a critic.
    pub old_values: Option<Vec<f32>>,
    /// Returns that the critic's values should be; the update computes them.
    pub returns: Option<Vec<f32>>,
}

/// Trajectories of one prompt, which are learned from in one minibatch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrajectoryGroup {
    /// Sequences that are learned from.
    pub trajectories: Vec<Trajectory>,
    /// Number of the prompt's other sequences, which are left out of the update; some aggregations of the loss divide
    /// by their number too ([`crate::aggregation`]).
    pub num_masked: usize,
}

impl From<Vec<Trajectory>> for TrajectoryGroup {
    /// A group of which nothing is masked.
    fn from(trajectories: Vec<Trajectory>) -> Self {
        Self { trajectories, num_masked: 0 }
    }
}

/// The trajectories of groups, to change them.
pub(crate) fn trajectories_of(groups: &mut [TrajectoryGroup]) -> impl Iterator<Item = &mut Trajectory> {
    groups.iter_mut().flat_map(|group| &mut group.trajectories)
}

/// Advantages of a trajectory's targets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Advantages {
    /// One for all targets.
    Sequence(f32),
    /// One a target.
    Tokens(Vec<f32>),
}

impl Default for Advantages {
    fn default() -> Self {
        Self::Sequence(0.0)
    }
}

/// Rewards of a trajectory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rewards {
    /// One, of the last target: the outcome's.
    Outcome(f32),
    /// One a target.
    Tokens(Vec<f32>),
}

impl Default for Rewards {
    fn default() -> Self {
        Self::Outcome(0.0)
    }
}

impl Trajectory {
    /// Number of tokens that are learned from.
    pub fn num_targets(&self) -> usize {
        self.targets.iter().map(Range::len).sum()
    }

    /// The advantage of each target.
    pub fn token_advantages(&self) -> Vec<f32> {
        match &self.advantages {
            Advantages::Sequence(advantage) => vec![*advantage; self.num_targets()],
            Advantages::Tokens(advantages) => advantages.clone(),
        }
    }

    /// The reward of each target.
    pub fn token_rewards(&self) -> Vec<f32> {
        match &self.rewards {
            Rewards::Tokens(rewards) => rewards.clone(),
            Rewards::Outcome(reward) => {
                let mut rewards = vec![0.0; self.num_targets()];
                if let Some(last) = rewards.last_mut() {
                    *last = *reward;
                }
                rewards
            }
        }
    }

    /// Checks that there are targets, and that the numbers belong to them.
    ///
    /// # Errors
    /// There is no target; a range lies outside the sequence, begins at its first token (nothing predicts it), or
    /// overlaps the one before it; a list has another length than there are targets; or a target is not among its kept
    /// ids once.
    pub fn validate(&self) -> Result<()> {
        let mut end = 1;
        for range in &self.targets {
            ensure!(
                range.start >= end && range.start <= range.end && range.end <= self.ids.len(),
                "targets {range:?} of a trajectory of {} tokens: they must follow one another, the first token is none",
                self.ids.len()
            );
            end = range.end;
        }
        let lists = [
            ("rollout_logprobs", Some(&self.rollout_logprobs)),
            ("advantages", if let Advantages::Tokens(list) = &self.advantages { Some(list) } else { None }),
            ("rewards", if let Rewards::Tokens(list) = &self.rewards { Some(list) } else { None }),
            ("old_logprobs", self.old_logprobs.as_ref()),
            ("reference_logprobs", self.reference_logprobs.as_ref()),
            ("old_values", self.old_values.as_ref()),
            ("returns", self.returns.as_ref()),
        ];
        let num_targets = self.num_targets();
        ensure!(num_targets > 0, "a trajectory of {} tokens has no targets to learn from", self.ids.len());
        for (name, list) in lists {
            if let Some(list) = list {
                ensure!(list.len() == num_targets, "{name}: {} numbers for {num_targets} targets", list.len());
            }
        }
        if let Some(kept) = &self.kept_ids {
            ensure!(kept.len() == num_targets, "kept_ids: {} sets for {num_targets} targets", kept.len());
            for (place, ids) in self.targets.iter().cloned().flatten().zip(kept) {
                let (target, count) = (self.ids[place], ids.iter().filter(|id| **id == self.ids[place]).count());
                ensure!(count == 1, "kept_ids: token {place}, {target}, stands {count} times in its own set");
            }
        }
        Ok(())
    }
}
