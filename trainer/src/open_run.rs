//! A run that is open in its folder: its step, its metrics and its checkpoints.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use record::atomic::{remove_if_there, write_file};
use record::metrics::{Metrics, MetricsWriter};
use record::run_folder::RunFolder;
use serde::Serialize;

use crate::checkpoint::{self, Position};
use crate::failure::Usage;
use crate::worker::{ModelCommand, ModelWorker};

/// Way into a run's folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A new run: a folder that exists is an error.
    #[default]
    New,
    /// A resumed run: it goes on from its last checkpoint, or from its start where there is none.
    Resume,
}

/// A run with its folder open for writing.
pub(crate) struct OpenRun {
    pub folder: RunFolder,
    /// Number of steps done.
    pub step: u64,
    metrics: MetricsWriter,
}

impl OpenRun {
    /// Makes or opens the run's folder and writes the resolved configuration there; the second value returned is the
    /// checkpoint to go on from.
    ///
    /// # Errors
    /// The folder of a new run exists or that of a resumed one does not (usage errors), or it cannot be written.
    pub(crate) fn open(dir: &Path, config: &impl Serialize, entry: Entry) -> Result<(Self, Option<PathBuf>)> {
        let folder = match entry {
            Entry::New => RunFolder::create(dir),
            Entry::Resume => RunFolder::open(dir),
        }
        .map_err(|error| Usage::error(format!("{:#}", anyhow::Error::from(error))))?;
        let newest = match entry {
            Entry::New => None,
            Entry::Resume => folder.latest_checkpoint()?,
        };
        let step = newest.as_ref().map_or(0, |(step, _)| *step);
        if entry == Entry::Resume {
            // Without a checkpoint the run begins again, and its old metrics are of no use.
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

    /// Appends the metrics of the step.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn record(&mut self, metrics: &Metrics) -> Result<()> {
        Ok(self.metrics.append(self.step, metrics)?)
    }

    /// Writes the checkpoint of the step; `data` is the place in the data, `keep` as in [`checkpoint::save`].
    ///
    /// # Errors
    /// A file cannot be written, or what the model's thread owns is not trainable.
    pub(crate) fn checkpoint<D: Serialize>(&self, worker: &ModelWorker, data: D, keep: usize) -> Result<()> {
        let position = Position { step: self.step, data };
        tokio::task::block_in_place(|| {
            checkpoint::save(&self.folder, &position, keep, |folder| {
                worker.ask_blocking(ModelCommand::Save { folder: folder.to_owned() }).map(|_| ())
            })
        })
    }
}
