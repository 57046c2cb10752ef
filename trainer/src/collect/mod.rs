//! Draws in, groups of rewarded rollouts out.
//!
//! A completion is judged as soon as it is done, and a group is settled as soon as its last completion is judged, while
//! others are still generated. Nothing waits for the slowest of a round: there are no rounds.

mod group;
mod group_stream;
mod open_group;
mod refill;
mod score;

use std::sync::Arc;

use anyhow::Result;
use datasets::Draw;
use policy::Texts;

pub(crate) use self::group::{Batch, Group, Rollout, Sampling, SamplingCost};
use self::group_stream::GroupStream;
pub(crate) use self::refill::Refill;
use crate::interrupt::Interrupt;
use crate::judge::Judge;
use crate::worker::ModelWorker;

/// Samples groups from the policy and judges them.
#[derive(Clone)]
pub(crate) struct Collector {
    pub worker: ModelWorker,
    /// Tokenizer and chat template of the policy.
    pub texts: Arc<Texts>,
    /// Those of the reward model, where there is one.
    pub scorer_texts: Option<Arc<Texts>>,
    pub judge: Arc<Judge>,
    /// Ends the sampling.
    pub interrupt: Interrupt,
}

impl Collector {
    /// Samples a group for each draw, and judges it; they come in the order of the draws.
    ///
    /// # Errors
    /// A prompt cannot be made or sampled from, the model's thread failed, the reward section ends the run at a
    /// verdict, or the user interrupted.
    pub(crate) async fn sample_groups(
        &self,
        draws: &[Draw],
        sampling: &Sampling,
    ) -> Result<(Vec<Group>, SamplingCost)> {
        let mut stream = GroupStream::new(self, sampling, None);
        stream.submit(draws)?;
        let mut groups = Vec::with_capacity(draws.len());
        while let Some(group) = stream.next().await? {
            groups.push(group);
        }
        groups.sort_by_key(|group| group.draw);
        Ok((groups, stream.cost().await?))
    }
}

#[cfg(test)]
mod tests;
