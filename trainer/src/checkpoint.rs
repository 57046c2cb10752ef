//! Checkpoints of a run: a Hugging Face folder that any tool loads, with the state of the run in `trainer/` inside it.
//!
//! A checkpoint appears whole under its name or not at all. `checkpoints/last` is a link to the newest.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use record::atomic::write_folder;
use record::run_folder::RunFolder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const STATE: &str = "trainer/state.json";

/// Place of a run when its checkpoint was written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Position<D> {
    /// Number of steps done.
    pub step: u64,
    /// Place of the run in its data.
    pub data: D,
}

/// Writes the checkpoint of `position.step`, points `last` at it, and removes all but the newest `keep`; 0 keeps all.
/// `save_model` writes the components of what is trained.
///
/// # Errors
/// A file cannot be written.
pub(crate) fn save<D: Serialize>(
    run: &RunFolder,
    position: &Position<D>,
    keep: usize,
    save_model: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let folder = run.checkpoint(position.step);
    if folder.exists() {
        return Ok(()); // written before an interruption, by the same run
    }
    write_folder(&folder, |temporary| {
        save_model(temporary)?;
        let state = temporary.join(STATE);
        std::fs::write(&state, serde_json::to_vec_pretty(position)?).with_context(|| state.display().to_string())
    })?;
    point_last(&folder)?;
    prune(run, keep)
}

/// Reads the place of the run whose checkpoint this is.
///
/// # Errors
/// A file is missing or unusable.
pub(crate) fn load<D: DeserializeOwned>(folder: &Path) -> Result<Position<D>> {
    let path = folder.join(STATE);
    let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
    serde_json::from_slice(&bytes).with_context(|| path.display().to_string())
}

/// Path of the link to a run's newest checkpoint.
pub(crate) fn last(run_dir: &Path) -> PathBuf {
    run_dir.join("checkpoints/last")
}

/// Points `checkpoints/last` at a checkpoint.
fn point_last(folder: &Path) -> Result<()> {
    let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else { return Ok(()) };
    let fresh = parent.join(".last.tmp");
    let _ = std::fs::remove_file(&fresh);
    std::os::unix::fs::symlink(name, &fresh)
        .and_then(|()| std::fs::rename(&fresh, parent.join("last")))
        .with_context(|| parent.join("last").display().to_string())
}

fn prune(run: &RunFolder, keep: usize) -> Result<()> {
    let all = run.checkpoints()?;
    let too_many = if keep == 0 { 0 } else { all.len().saturating_sub(keep) };
    for (_, path) in &all[..too_many] {
        std::fs::remove_dir_all(path).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
