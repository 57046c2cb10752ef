//! A run in its folder: where it stands, what it has recorded, and its checkpoints.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use record::atomic::{remove_if_there, write_file};
use record::metrics::{Metrics, MetricsWriter};
use record::run_folder::RunFolder;
use serde::Serialize;

use crate::checkpoint::{self, Position};
use crate::failure::Usage;
use crate::learner::Learner;
use crate::model_thread::ModelThread;

/// How a run's folder is entered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Entry {
    /// A folder that exists is an error.
    #[default]
    New,
    /// The run in the folder goes on from its last checkpoint, or from its start where it has none.
    Resume,
}

/// An open run folder.
pub struct Session {
    /// The folder.
    pub folder: RunFolder,
    /// Steps done.
    pub step: u64,
    metrics: MetricsWriter,
}

impl Session {
    /// Makes or opens the run's folder, and writes the resolved configuration into it. The second part of the answer is
    /// the checkpoint to go on from.
    ///
    /// # Errors
    /// The folder exists (a usage error), or does not where a run should go on, or cannot be written.
    pub fn open(dir: &Path, config: &impl Serialize, entry: Entry) -> Result<(Self, Option<PathBuf>)> {
        let folder = match entry {
            Entry::New => RunFolder::create(dir),
            Entry::Resume => RunFolder::open(dir),
        }
        .map_err(|error| Usage::error(format!("{error:#}")))?;
        let newest = match entry {
            Entry::New => None,
            Entry::Resume => folder.latest_checkpoint()?,
        };
        let step = newest.as_ref().map_or(0, |(step, _)| *step);
        if entry == Entry::Resume {
            // Without a checkpoint the run begins again: what it recorded before is not of this run.
            if newest.is_none() {
                remove_if_there(&folder.metrics()).with_context(|| folder.metrics().display().to_string())?;
            }
            folder.truncate_after(step)?;
            tracing::info!(step, "resuming");
        }
        let text = toml::to_string(config).context("the configuration as TOML")?;
        write_file(&folder.config(), text.as_bytes())?;
        let metrics = MetricsWriter::open(&folder.metrics())?;
        Ok((Self { folder, step, metrics }, newest.map(|(_, path)| path)))
    }

    /// Appends one step's metrics.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn record(&mut self, metrics: &Metrics) -> Result<()> {
        self.metrics.append(self.step, metrics)
    }

    /// Writes a checkpoint of the policy after the steps done.
    ///
    /// # Errors
    /// A file cannot be written, or the policy is not trainable.
    pub async fn checkpoint<D: Serialize + Send + 'static>(
        &self,
        model: &ModelThread<Learner>,
        data: D,
        keep: usize,
    ) -> Result<()> {
        let (folder, step) = (self.folder.clone(), self.step);
        model
            .run(move |learner| {
                let (adamw, parameters) = learner.optimizer.as_ref().context("this policy is not trainable")?;
                let (num_updates, policy_version) = (learner.num_updates, learner.policy_version);
                let position = Position { step, num_updates, policy_version, data };
                checkpoint::save(&folder, &position, (adamw, parameters), keep, |path| Ok(learner.policy.save(path)?))
            })
            .await?
    }
}
