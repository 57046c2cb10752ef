//! Content of one run's folder, as far as the report shows it. A part that is missing or broken becomes a note, never
//! an error. Must not know how anything is drawn.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context, Result};
use record::metrics::{Metrics, read_metrics};
use record::names::REWARD_MEAN;
use record::rollouts::read_rollout_texts;
use record::run_folder::RunFolder;

use super::traces::{self, StepTraces};

/// Folders of a recipe's stages in their order; others follow by name.
const STAGE_ORDER: [&str; 4] = ["cold-start", "stage-1", "reward-model", "stage-2"];

/// One training run.
pub(crate) struct RunData {
    /// Name of the folder.
    pub name: String,
    /// Resolved configuration as it was saved.
    pub config: Option<toml::Table>,
    /// Metrics, an entry a step.
    pub metrics: Vec<Metrics>,
    /// Sample rollouts of the last, a middle and the first step.
    pub traces: Vec<StepTraces>,
    /// Sentences that name what is missing or cannot be read.
    pub notes: Vec<String>,
}

impl RunData {
    pub(crate) fn load(folder: &Path, name: &str) -> Self {
        let mut notes = Vec::new();
        let config = note(read_config(folder), "configuration", &mut notes);
        let metrics =
            note(read_some(&folder.join("metrics.jsonl"), read_metrics), "metrics", &mut notes).unwrap_or_default();
        let has_rollouts = metrics.is_empty() || metrics.iter().any(|row| row.get(REWARD_MEAN.name).is_some());
        let traces = match read_traces(folder) {
            // A supervised run samples nothing, so its rollouts are not missing.
            Ok(None) if !has_rollouts => Vec::new(),
            found => note(found, "sample rollouts", &mut notes).unwrap_or_default(),
        };
        Self { name: name.to_owned(), config, metrics, traces, notes }
    }

    /// Text of a configuration value such as `model.name`; `None` for one that is missing or a table.
    pub(crate) fn setting(&self, path: &str) -> Option<String> {
        let mut value = None;
        let mut table = self.config.as_ref();
        for key in path.split('.') {
            value = table?.get(key);
            table = value.and_then(toml::Value::as_table);
        }
        match value? {
            toml::Value::Table(_) => None,
            toml::Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }
}

/// Name under which a folder is shown; `.` becomes the real folder's name.
pub(crate) fn folder_name(folder: &Path) -> Result<String> {
    let whole = folder.canonicalize().with_context(|| format!("cannot open {}", folder.display()))?;
    Ok(whole.file_name().map_or_else(|| "run".to_owned(), |name| name.to_string_lossy().into_owned()))
}

/// Sub-folders that are training runs, in the recipe's order.
pub(crate) fn stage_folders(run: &Path) -> io::Result<Vec<PathBuf>> {
    let mut stages = Vec::new();
    for entry in fs::read_dir(run)? {
        let path = entry?.path();
        if path.join("metrics.jsonl").is_file() {
            stages.push(path);
        }
    }
    stages.sort_by_key(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let known = STAGE_ORDER.iter().position(|stage| *stage == name).unwrap_or(STAGE_ORDER.len());
        (known, name)
    });
    Ok(stages)
}

/// The value found; a missing one (`Ok(None)`) and a broken one are noted.
fn note<T>(found: Result<Option<T>>, what: &str, notes: &mut Vec<String>) -> Option<T> {
    match found {
        Ok(Some(value)) => Some(value),
        Ok(None) => {
            notes.push(format!("no {what} in this folder"));
            None
        }
        Err(error) => {
            notes.push(format!("{what}: {error:#}"));
            None
        }
    }
}

fn read_some<T, E: Into<anyhow::Error>>(path: &Path, read: impl FnOnce(&Path) -> Result<T, E>) -> Result<Option<T>> {
    if path.exists() { read(path).map(Some).map_err(Into::into) } else { Ok(None) }
}

fn read_config(folder: &Path) -> Result<Option<toml::Table>> {
    read_some(&folder.join("config.toml"), |path| -> Result<toml::Table> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        text.parse().with_context(|| format!("cannot read {}", path.display()))
    })
}

fn read_traces(folder: &Path) -> Result<Option<Vec<StepTraces>>> {
    let files = RunFolder::open(folder)?.rollout_files()?;
    let mut picked: Vec<usize> = Vec::new();
    for index in [0, files.len() / 2, files.len().saturating_sub(1)] {
        if index < files.len() && !picked.contains(&index) {
            picked.push(index);
        }
    }
    picked.sort_by_key(|index| Reverse(*index));
    let steps: Result<Vec<StepTraces>> = picked
        .into_iter()
        .map(|index| Ok(traces::choose(files[index].0, &read_rollout_texts(&files[index].1)?)))
        .collect();
    Ok(Some(steps?).filter(|steps| !steps.is_empty()))
}
