//! Models as a run loads them: whole in a process by itself, cut over the ranks of a team.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use policy::{Decoder, ModelConfig, Placement, Policy, RewardModel, Sharded, Texts};

use super::team::Team;

/// Loads models to where they belong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Models<'a> {
    /// The ranks that share the weights.
    pub team: Option<&'a Team>,
    /// Device and dtype.
    pub placement: Placement,
}

impl Models<'_> {
    /// A policy from its folder. Where it is cut, one part at a time is whole in memory.
    ///
    /// # Errors
    /// The folder is no loadable language model, or a rank is gone.
    pub(crate) fn policy(&self, folder: &Path) -> Result<Policy> {
        let Some(team) = self.team else { return Ok(Policy::load(folder, self.placement)?) };
        let config = ModelConfig::from_file(&folder.join("config.json"))?;
        let texts = Arc::new(Texts::load(folder)?);
        let (shard, replica) = team.of_weights()?;
        let store = Sharded::load(folder, &config, true, self.placement, shard, replica)?;
        Ok(Policy { decoder: Decoder::with_store(&config, Box::new(store)), texts })
    }

    /// A reward model that `load` has loaded whole, where it belongs.
    ///
    /// # Errors
    /// A rank is gone.
    pub(crate) fn placed(&self, model: RewardModel) -> Result<RewardModel> {
        let Some(team) = self.team else { return Ok(model) };
        let RewardModel { decoder, head, texts } = model;
        let (shard, replica) = team.of_weights().context("the ranks of a reward model")?;
        let store = Sharded::cut(&decoder, shard, replica);
        Ok(RewardModel { decoder: Decoder::with_store(decoder.config(), Box::new(store)), head, texts })
    }
}
