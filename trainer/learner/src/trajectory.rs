//! Rollouts as the update sees them.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Sequence of a rollout as the update sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trajectory {
    /// Ids of all its tokens, whoever wrote them.
    pub ids: Vec<u32>,
    /// Places of the tokens that the policy sampled, which are learned from; in order and apart from one another.
    pub targets: Vec<Range<usize>>,
    /// Logprobs in nats that were recorded while sampling, one a target.
    pub rollout_logprobs: Vec<f32>,
    /// Advantages of the targets. Those of an algorithm with a critic are computed in the update, from `reward`.
    pub advantages: Advantages,
    /// Reward of the rollout; an algorithm with a critic gives it to the last target.
    pub reward: f32,
    /// What a critic is held to; absent where there is none, or it has not estimated yet.
    pub value_targets: Option<ValueTargets>,
}

/// What a critic's values of the targets are held to, one number a target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ValueTargets {
    /// Values before the step's first update, around which the value loss clips.
    pub old_values: Vec<f32>,
    /// Returns that the values should be.
    pub returns: Vec<f32>,
}

/// Advantages of a trajectory's targets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Advantages {
    /// One for all targets.
    Sequence(f32),
    /// One a target.
    Tokens(Vec<f32>),
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

    /// Checks that the numbers belong to the targets.
    ///
    /// # Errors
    /// A range lies outside the sequence, begins at its first token (nothing predicts it), overlaps the one before it,
    /// or a list has another length than there are targets.
    pub fn validate(&self) -> anyhow::Result<()> {
        let mut end = 1;
        for range in &self.targets {
            anyhow::ensure!(
                range.start >= end && range.start <= range.end && range.end <= self.ids.len(),
                "targets {range:?} of a trajectory of {} tokens: they must follow one another, the first token is none",
                self.ids.len()
            );
            end = range.end;
        }
        let num_targets = self.num_targets();
        let num_logprobs = self.rollout_logprobs.len();
        anyhow::ensure!(num_logprobs == num_targets, "{num_logprobs} rollout logprobs of {num_targets} targets");
        if let Advantages::Tokens(advantages) = &self.advantages {
            let count = advantages.len();
            anyhow::ensure!(count == num_targets, "{count} advantages of {num_targets} targets");
        }
        if let Some(ValueTargets { old_values, returns }) = &self.value_targets {
            let counts = [old_values.len(), returns.len()];
            anyhow::ensure!(counts == [num_targets; 2], "{counts:?} values and returns of {num_targets} targets");
        }
        Ok(())
    }
}
