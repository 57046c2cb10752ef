//! Where a run's models are: whole in a process by itself, cut over the ranks of a team.

use anyhow::{Context, Error, Result};
use policy::{ModelConfig, Placement, Sharded, Storage, TensorCut, TensorParallel, WeightStore};

use super::team::Team;
use crate::failure::Usage;

/// The storage of a run's models. Where they are cut, each rank reads what it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Models<'a> {
    /// The ranks that share the weights.
    pub team: Option<&'a Team>,
    /// Device and dtype.
    pub placement: Placement,
}

impl Storage for Models<'_> {
    type Error = Error;

    /// # Errors
    /// The ranks cannot share such a model, or one is gone.
    fn store(&self, config: &ModelConfig, head: bool) -> Result<Box<dyn WeightStore>> {
        let Some(team) = self.team else { return Ok(self.placement.store(config, head)?) };
        let groups = team.of_weights().context("the ranks of a model")?;
        let tensor = team.tensor().map(|group| TensorParallel::new(config, group)).transpose();
        Ok(match tensor.map_err(|error| Usage::error(error.to_string()))? {
            None => Box::new(Sharded::empty(config, head, self.placement, groups.shard, groups.replica)),
            Some(tensor) => Box::new(TensorCut::empty(head, self.placement, tensor, Some(groups))),
        })
    }
}
