//! A run that is open in its folder: locked, held against what it was, and the way by which it records its steps.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use record::atomic::{remove_if_there, write_file};
use record::lock::{FolderLock, LOCK_FILE};
use record::machines::add_machine;
use record::metrics::{Metrics, MetricsWriter, read_metrics};
use record::run_folder::RunFolder;

use crate::checkpoint::{self, Checkpoint, CheckpointWriter, Position, SavedData};
use crate::failure::Usage;
use crate::ranks::{Start, Team};
use crate::run::identity::RunIdentity;
use crate::run::inputs::TrainingRun;
use crate::run::named_inputs::HeldCommits;
use crate::run::run_manifest::{OnChange, RunManifest};
use crate::worker::{ModelCommand, ModelEvent, ModelWorker};

/// Folder within a run's in which a new model is made.
pub(crate) const INITIAL_MODEL: &str = "initial";

/// Way into a run's folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A new run: a folder that exists is an error.
    #[default]
    New,
    /// A resumed run: it goes on from its last checkpoint, or from its start where there is none.
    Resume(OnChange),
    /// A resumed run where there is a folder, a new one where there is none.
    Auto(OnChange),
}

impl Entry {
    /// What is done where a resumed run is not what it was.
    pub(crate) fn on_change(self) -> OnChange {
        match self {
            Self::New => OnChange::Refuse,
            Self::Resume(on_change) | Self::Auto(on_change) => on_change,
        }
    }

    /// True where a run in `dir` is entered as a new one.
    pub(crate) fn is_new(self, dir: &Path) -> bool {
        match self {
            Self::New => true,
            Self::Resume(_) => false,
            Self::Auto(_) => !dir.is_dir(),
        }
    }

    /// Commits of names of the hub with which a run in `dir` goes on; none of a new run, and none where changes are
    /// accepted.
    ///
    /// # Errors
    /// What the run was cannot be read.
    pub(crate) fn held_commits(self, dir: &Path) -> Result<HeldCommits> {
        match RunFolder::open(dir) {
            Ok(folder) if self != Self::New => RunManifest::held_commits(&folder, self.on_change()),
            // A folder that is not there is named by whoever opens it.
            _ => Ok(HeldCommits::new()),
        }
    }

    /// Opens or makes the folder of a run or a recipe, and locks it. The third value is true where it was made.
    ///
    /// # Errors
    /// A usage error: the folder of a new run exists, that of a resumed one does not, or another process writes it.
    pub(crate) fn open(self, dir: &Path) -> Result<(RunFolder, FolderLock, bool)> {
        let is_new = self.is_new(dir);
        let usage = |error| Usage::error(format!("{:#}", anyhow::Error::from(error)));
        let folder = if is_new { RunFolder::create(dir) } else { RunFolder::open(dir) }.map_err(usage)?;
        let lock = FolderLock::take(dir).map_err(usage)?;
        Ok((folder, lock, is_new))
    }
}

/// A run with its folder open for writing. A folder that was made and in which nothing was recorded is removed when the
/// run ends: the same command then starts it anew.
pub(crate) struct OpenRun {
    pub folder: RunFolder,
    /// Number of steps done.
    pub step: u64,
    /// Number of updates in a row that were skipped, up to that step's last.
    pub skipped_in_a_row: u32,
    metrics: MetricsWriter,
    identity: serde_json::Value,
    is_new: bool,
    /// Held until the run ends.
    _lock: FolderLock,
}

impl OpenRun {
    /// Makes or opens the folder of a run, and writes there what the run is, its `identity`; the second value returned
    /// is the checkpoint to go on from. Nothing is written before a resumed run is known to be what it was.
    ///
    /// # Errors
    /// The folder cannot be entered, no checkpoint is whole, the run is not what it was (usage errors), or the folder
    /// cannot be written.
    pub(crate) fn open<C: TrainingRun>(
        config: &C,
        identity: RunIdentity,
        entry: Entry,
    ) -> Result<(Self, Option<Checkpoint>)> {
        let (folder, lock, is_new) = entry.open(&config.section().dir)?;
        if !is_new && is_foreign(&folder) {
            return Err(Usage::error(format!(
                "{} holds files and no run: name another folder with --run-dir",
                folder.root().display()
            )));
        }
        let on_change = entry.on_change();
        let newest = if is_new { None } else { checkpoint::newest_whole(&folder, on_change)? };
        let step = newest.as_ref().map_or(0, |checkpoint| checkpoint.step);
        let manifest = match &newest {
            // Without a checkpoint the run begins again; with nothing recorded, as whatever it is now.
            None => match recorded_steps(&folder)? {
                0 => RunManifest::new(identity),
                num_steps => {
                    let manifest = RunManifest::resume(&folder, None, identity, 0, on_change)?;
                    tracing::warn!("there is no checkpoint: the run begins again, and {num_steps} steps are lost");
                    manifest
                }
            },
            Some(checkpoint) => {
                let recorded = serde_json::from_value(checkpoint.identity.clone()).ok();
                RunManifest::resume(&folder, recorded, identity, step, on_change)?
            }
        };
        let identity = serde_json::to_value(manifest.identity())?;
        manifest.write(&folder)?;
        if !is_new {
            clean(&folder, newest.as_ref())?;
            tracing::info!(step, "resuming");
        }
        add_machine(&folder, step, manifest.identity().machine())?;
        let text = toml::to_string(config).context("the configuration as TOML")?;
        write_file(&folder.config(), text.as_bytes())?;
        let metrics = MetricsWriter::open(&folder.metrics())?;
        let place = newest.as_ref().map(Checkpoint::position::<serde_json::Value>).transpose()?;
        let skipped_in_a_row = place.map_or(0, |place| place.skipped_in_a_row);
        Ok((Self { folder, step, skipped_in_a_row, metrics, identity, is_new, _lock: lock }, newest))
    }

    /// Tells the other ranks where the run begins, where there are any.
    ///
    /// # Errors
    /// What was written into the folder cannot be read, another rank has failed, or the store is gone.
    pub(crate) fn announce(&self, team: Option<&Team>, resume_from: Option<&Checkpoint>, model: &Path) -> Result<()> {
        let Some(team) = team else { return Ok(()) };
        team.keep_flight_record(self.folder.root());
        let resume_from = resume_from.map(|checkpoint| checkpoint.folder().to_owned());
        Start::new(resume_from, model.to_owned(), self.folder.manifest())?.announce(team)
    }

    /// Appends the metrics of the step.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn record(&mut self, metrics: &Metrics) -> Result<()> {
        Ok(self.metrics.append(self.step, metrics)?)
    }

    /// Number of newest checkpoints that stay, of `keep` that are wanted; 0 keeps all. None goes while updates are
    /// skipped: what made them so may be in the newest already.
    fn kept(&self, keep: usize) -> usize {
        if self.skipped_in_a_row > 0 { 0 } else { keep }
    }

    /// Removes all checkpoints but the newest `keep`, as after each checkpoint: a kill may have come before it; 0 keeps
    /// all.
    ///
    /// # Errors
    /// A checkpoint cannot be removed.
    pub(crate) fn prune(&self, keep: usize) -> Result<()> {
        Ok(self.folder.prune_checkpoints(self.kept(keep))?)
    }

    /// Writes the checkpoint of the step, and keeps the newest `keep`; 0 keeps all. `data` is the place in the data.
    ///
    /// # Errors
    /// A file cannot be written, or what the model's thread owns is not trainable.
    pub(crate) fn checkpoint<D: SavedData>(&self, worker: &ModelWorker, data: D, keep: usize) -> Result<()> {
        let position = Position { step: self.step, skipped_in_a_row: self.skipped_in_a_row, data };
        let (folder, identity) = (self.folder.clone(), self.identity.clone());
        let checkpoints = CheckpointWriter { folder, identity, keep: self.kept(keep) };
        let write = |folder: &Path| match worker.ask_blocking(ModelCommand::Save { folder: folder.to_owned() })? {
            ModelEvent::Saved(components) => Ok(components),
            other => bail!("the model's thread answered {other:?} to a command to save"),
        };
        tokio::task::block_in_place(|| checkpoints.save(&position, write))
    }

    /// The same, unless the step has its checkpoint, or none is done.
    ///
    /// # Errors
    /// As [`OpenRun::checkpoint`].
    pub(crate) fn checkpoint_once<D: SavedData>(&self, worker: &ModelWorker, data: D, keep: usize) -> Result<()> {
        if self.step == 0 || self.folder.checkpoint(self.step).exists() {
            return Ok(());
        }
        self.checkpoint(worker, data, keep)
    }

    /// True where the folder was made for this run, and nothing but what comes before its first step is in it.
    fn is_unused(&self) -> bool {
        let is_empty = |path: &Path| fs::metadata(path).is_ok_and(|metadata| metadata.len() == 0);
        self.is_new && others(&self.folder).iter().all(|path| *path == self.folder.metrics() && is_empty(path))
    }
}

impl Drop for OpenRun {
    fn drop(&mut self) {
        if self.is_unused()
            && let Err(error) = remove_if_there(self.folder.root())
        {
            tracing::warn!(%error, "the empty run folder {} stays", self.folder.root().display());
        }
    }
}

/// Number of steps whose metrics are recorded.
fn recorded_steps(folder: &RunFolder) -> Result<u64> {
    let path = folder.metrics();
    if !path.exists() {
        return Ok(0);
    }
    Ok(read_metrics(&path)?.iter().filter_map(Metrics::step).max().unwrap_or(0))
}

/// True where a folder holds files, and neither the configuration nor the manifest of a run is among them.
fn is_foreign(folder: &RunFolder) -> bool {
    !folder.config().exists() && !folder.manifest().exists() && !others(folder).is_empty()
}

/// What lies in a run's folder besides what is written before its first step.
fn others(folder: &RunFolder) -> Vec<PathBuf> {
    let names = [LOCK_FILE, "config.toml", "machines.json", "manifest.json", INITIAL_MODEL];
    let entries = fs::read_dir(folder.root()).into_iter().flatten();
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| !names.iter().any(|name| path.ends_with(name)))
        .collect()
}

/// Makes a resumed run's folder what it was right after its checkpoint: the link points at it, later ones that are not
/// whole have another name, and nothing recorded is newer.
fn clean(folder: &RunFolder, newest: Option<&Checkpoint>) -> Result<()> {
    let step = newest.map_or(0, |checkpoint| checkpoint.step);
    match newest {
        Some(_) => {
            for path in folder.set_aside_checkpoints_after(step)? {
                tracing::warn!("kept as {}, which may be removed", path.display());
            }
            checkpoint::remove_torsos_before(folder, step)?;
            folder.point_last_at(step)?;
        }
        // Without a checkpoint the run begins again, and its old metrics are of no use.
        None => remove_if_there(&folder.metrics()).with_context(|| folder.metrics().display().to_string())?,
    }
    Ok(folder.truncate_after(step)?)
}
