//! Models as a run loads them: whole in a process by itself, cut over the ranks of a team.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use policy::{
    Decoder, ModelConfig, Placement, Policy, RewardModel, Sharded, TensorCut, TensorParallel, Texts, WeightStore,
};

use super::team::Team;
use crate::failure::Usage;

/// Loads models to where they belong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Models<'a> {
    /// The ranks that share the weights.
    pub team: Option<&'a Team>,
    /// Device and dtype.
    pub placement: Placement,
}

impl Models<'_> {
    /// A policy from its folder. Where it is cut, each rank reads what it holds.
    ///
    /// # Errors
    /// The folder is no loadable language model, the ranks cannot share it, or one is gone.
    pub(crate) fn policy(&self, folder: &Path) -> Result<Policy> {
        let Some(team) = self.team else { return Ok(Policy::load(folder, self.placement)?) };
        let config = ModelConfig::from_file(&folder.join("config.json"))?;
        let texts = Arc::new(Texts::load(folder)?);
        let groups = team.of_weights()?;
        let store: Box<dyn WeightStore> = match self.tensor(&config)? {
            None => Box::new(Sharded::load(folder, &config, true, self.placement, groups.shard, groups.replica)?),
            Some(tensor) => Box::new(TensorCut::load(folder, &config, true, self.placement, tensor, Some(groups))?),
        };
        Ok(Policy { decoder: Decoder::with_store(&config, store), texts })
    }

    /// A reward model that was loaded whole, where it belongs.
    ///
    /// # Errors
    /// The ranks cannot share it, or one is gone.
    pub(crate) fn placed(&self, model: RewardModel) -> Result<RewardModel> {
        let Some(team) = self.team else { return Ok(model) };
        let RewardModel { decoder, head, texts } = model;
        let groups = team.of_weights().context("the ranks of a reward model")?;
        let store: Box<dyn WeightStore> = match self.tensor(decoder.config())? {
            None => Box::new(Sharded::cut(&decoder, groups.shard, groups.replica)),
            Some(tensor) => Box::new(TensorCut::cut(&decoder, tensor, Some(groups))),
        };
        Ok(RewardModel { decoder: Decoder::with_store(decoder.config(), store), head, texts })
    }

    /// This rank's share of a model's matrix products, where the team cuts them.
    fn tensor(&self, config: &ModelConfig) -> Result<Option<TensorParallel>> {
        let group = self.team.and_then(Team::tensor);
        let share = group.map(|group| TensorParallel::new(config, group)).transpose();
        share.map_err(|error| Usage::error(error.to_string()))
    }
}
