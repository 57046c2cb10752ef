//! A run's checkpoints: a Hugging Face folder that any tool loads, with what a resumed run needs in `trainer/` inside it.
//!
//! A checkpoint appears whole under its name or not at all. `checkpoints/last` is a link to the newest.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use record::atomic::write_folder;
use record::run_folder::RunFolder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::optimizer::adamw::AdamW;

const INNER: &str = "trainer";
const OPTIMIZER: &str = "optimizer.safetensors";
const STATE: &str = "state.json";

/// What a checkpoint holds beside the model: where the run stood.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Position<D> {
    /// Steps done.
    pub step: u64,
    /// Updates so far, skipped ones included: the place in the learning rate's schedule.
    pub num_updates: u64,
    /// The policy's version.
    pub policy_version: u64,
    /// Where the run stands in its data.
    pub data: D,
}

/// Writes the checkpoint of `position.step`, points `last` at it, and removes those that are too old.
///
/// # Errors
/// A file cannot be written.
pub fn save<D: Serialize>(
    run: &RunFolder,
    position: &Position<D>,
    optimizer: (&AdamW, &[(String, Tensor)]),
    keep: usize,
    save_model: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let folder = run.checkpoint(position.step);
    if folder.exists() {
        return Ok(()); // written before an interruption, by the same run
    }
    write_folder(&folder, |temporary| {
        save_model(temporary)?;
        let inner = temporary.join(INNER);
        std::fs::create_dir_all(&inner).with_context(|| inner.display().to_string())?;
        let (adamw, parameters) = optimizer;
        policy::write_tensors(&inner.join(OPTIMIZER), &adamw.state(parameters))?;
        let state = inner.join(STATE);
        std::fs::write(&state, serde_json::to_vec_pretty(position)?).with_context(|| state.display().to_string())
    })?;
    point_last(&folder)?;
    prune(run, keep)
}

/// Reads back where a checkpoint's run stood, and its optimizer's state.
///
/// # Errors
/// A file is missing or unusable.
pub fn load<D: DeserializeOwned>(
    folder: &Path,
    adamw: &mut AdamW,
    parameters: &[(String, Tensor)],
) -> Result<Position<D>> {
    let path = folder.join(INNER).join(STATE);
    let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
    let position: Position<D> = serde_json::from_slice(&bytes).with_context(|| path.display().to_string())?;
    let path = folder.join(INNER).join(OPTIMIZER);
    let tensors = policy::read_tensors(&path, parameters.first().map_or(Device::Cpu, |(_, tensor)| tensor.device()))?;
    adamw.load_state(tensors, parameters).with_context(|| path.display().to_string())?;
    Ok(position)
}

/// The link to a run's newest checkpoint.
pub fn last(run_dir: &Path) -> PathBuf {
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
