//! The kind of run that a file configures, read and validated.

use std::path::Path;

use anyhow::Result;
use toml::Table;

use crate::config::{ParallelSection, ReinforceRun, RewardModelRun, RunSection, Source, SupervisedRun, load};
use crate::failure::Usage;
use crate::named_files::NamedFiles;
use crate::run::named_inputs::fetch_texts;

/// A validated configuration.
pub(super) enum Configured {
    Stage(u8, Box<ReinforceRun>),
    ColdStart(Box<SupervisedRun>),
    RewardModel(Box<RewardModelRun>),
}

impl Configured {
    /// Reads and validates a file. A stage is the one that is named, or else 2 where the file has a reward model.
    ///
    /// # Errors
    /// A usage error that names the file and the key.
    pub(super) fn load(path: &Path, assignments: &[String], stage: Option<u8>) -> Result<Self> {
        let table: Table = load(&Source { path: Some(path), assignments: assignments.to_vec(), moved: None })?;
        let other = |kind: &str| {
            let message = format!("--stage: {} configures {kind}; leave --stage out", path.display());
            if stage.is_some() { Err(Usage::error(message)) } else { Ok(()) }
        };
        let source = Source { path: Some(path), assignments: assignments.to_vec(), moved: None };
        if table.contains_key("stage_1") || table.contains_key("summary") {
            return Err(Usage::error(format!(
                "{} is a recipe, which names the files of its runs; check each of these",
                path.display()
            )));
        }
        if table.contains_key("traces") || table.contains_key("new_model") {
            other("a cold start")?;
            let config: SupervisedRun = load(&source)?;
            config.validate()?;
            return Ok(Self::ColdStart(Box::new(config)));
        }
        if table.contains_key("preferences") {
            other("a reward model's training")?;
            let config: RewardModelRun = load(&source)?;
            config.validate()?;
            return Ok(Self::RewardModel(Box::new(config)));
        }
        let config: ReinforceRun = load(&source)?;
        let has_reward_model = !config.reward_model.path.as_os_str().is_empty();
        let stage = stage.unwrap_or(if has_reward_model { 2 } else { 1 });
        config.validate(stage)?;
        Ok(Self::Stage(stage, Box::new(config)))
    }

    /// Puts folders with the configurations of the models in the place of their names.
    ///
    /// # Errors
    /// A model is neither here nor at the hub, the hub refuses or is away, or the user interrupts.
    pub(super) async fn fetch_models(&mut self, named: &NamedFiles) -> Result<()> {
        match self {
            Self::Stage(_, config) => fetch_texts(config.as_mut(), named).await,
            Self::ColdStart(config) => fetch_texts(config.as_mut(), named).await,
            Self::RewardModel(config) => fetch_texts(config.as_mut(), named).await,
        }
    }

    /// The kind in words.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Stage(stage, _) => format!("stage {stage}"),
            Self::ColdStart(_) => "cold start".into(),
            Self::RewardModel(_) => "reward model".into(),
        }
    }

    pub(super) fn run(&self) -> &RunSection {
        match self {
            Self::Stage(_, config) => &config.run,
            Self::ColdStart(config) => &config.run,
            Self::RewardModel(config) => &config.run,
        }
    }

    pub(super) fn parallel(&self) -> &ParallelSection {
        match self {
            Self::Stage(_, config) => &config.parallel,
            Self::ColdStart(config) => &config.parallel,
            Self::RewardModel(config) => &config.parallel,
        }
    }

    /// Folder of the model that is trained; none where it is new.
    pub(super) fn model(&self) -> Option<&Path> {
        match self {
            Self::Stage(_, config) => Some(&config.model.path),
            Self::ColdStart(config) => config.new_model.is_none().then_some(config.model.path.as_path()),
            Self::RewardModel(config) => Some(&config.model.path),
        }
    }
}

/// True where the file or an assignment lays the ranks out.
///
/// # Errors
/// As [`Configured::load`].
pub(super) fn has_layout(path: &Path, assignments: &[String]) -> Result<bool> {
    let table: Table = load(&Source { path: Some(path), assignments: assignments.to_vec(), moved: None })?;
    let parallel = table.get("parallel").and_then(|section| section.as_table());
    Ok(parallel.is_some_and(|section| section.keys().any(|key| key != "timeout_seconds")))
}
