//! The sections that several kinds of run share.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use datasets::TaskKind;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind};

use crate::failure::Usage;
use crate::optimizer::adamw::AdamWConfig;
use crate::optimizer::schedule::{Schedule, ScheduleConfig};

/// `[run]`: where the run writes, and what it computes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunSection {
    /// The run's folder; it must not exist yet.
    pub dir: PathBuf,
    /// Every random number of the run is keyed by this.
    pub seed: u64,
    /// `auto`, `cpu` or `cuda:N`.
    pub device: String,
    /// `float32` or `bfloat16`: weights and activations. Optimizer state, logprobs and losses are float32 always.
    pub dtype: String,
    /// Threads that libtorch computes with on a CPU; 0 leaves it to libtorch.
    pub num_threads: usize,
}

impl Default for RunSection {
    fn default() -> Self {
        Self { dir: PathBuf::new(), seed: 0, device: "auto".into(), dtype: "float32".into(), num_threads: 0 }
    }
}

impl RunSection {
    /// The device and dtype, with libtorch's threads set.
    ///
    /// # Errors
    /// A usage error: the device is not to be had, or the dtype is unknown.
    pub fn resolve(&self) -> Result<(Device, Kind)> {
        let device = policy::resolve_device(&self.device).map_err(|error| Usage::error(error.to_string()))?;
        let kind = match self.dtype.as_str() {
            "float32" => Kind::Float,
            "bfloat16" => Kind::BFloat16,
            other => return Err(Usage::error(format!("run.dtype: `{other}` is neither float32 nor bfloat16"))),
        };
        if self.num_threads > 0 {
            tch::set_num_threads(self.num_threads as i32);
        }
        Ok((device, kind))
    }
}

/// `[model]`: where the policy starts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSection {
    /// A Hugging Face folder.
    pub path: PathBuf,
}

impl ModelSection {
    /// The folder, which must be given.
    ///
    /// # Errors
    /// A usage error where it is not.
    pub fn path(&self) -> Result<&Path> {
        if self.path.as_os_str().is_empty() {
            return Err(Usage::error(
                "model.path: name a folder with config.json, model.safetensors and tokenizer.json",
            ));
        }
        Ok(&self.path)
    }
}

/// `[prompt]`: what stands around a task's words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PromptSection {
    /// A system turn before the task's messages; none where empty.
    pub system: String,
    /// Added to the last user turn, by task kind (`math`, `code`, …).
    pub suffix: BTreeMap<TaskKind, String>,
}

/// A file of tasks and its share of the prompts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskSource {
    /// A JSONL file of tasks.
    pub path: PathBuf,
    /// Its name in metrics and records; the file's stem where absent.
    #[serde(default)]
    pub name: Option<String>,
    /// Its share, relative to the other sources'.
    #[serde(default = "one")]
    pub weight: f64,
}

fn one() -> f64 {
    1.0
}

impl TaskSource {
    /// The name, or the file's stem.
    pub fn name(&self) -> String {
        named(&self.name, &self.path)
    }
}

fn named(name: &Option<String>, path: &Path) -> String {
    match name {
        Some(name) => name.clone(),
        None => path.file_stem().map_or("tasks".into(), |stem| stem.to_string_lossy().into_owned()),
    }
}

/// A file of held-out tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvalDataset {
    /// A JSONL file of tasks.
    pub path: PathBuf,
    /// Its name in metrics; the file's stem where absent.
    #[serde(default)]
    pub name: Option<String>,
    /// Only so many tasks, from the start; all where absent.
    #[serde(default)]
    pub limit: Option<usize>,
}

impl EvalDataset {
    /// The name, or the file's stem.
    pub fn name(&self) -> String {
        named(&self.name, &self.path)
    }
}

/// `[eval]`: held-out tasks, sampled as reasoning models are: at a temperature, averaged over samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvalSection {
    /// Evaluate after each so many steps; 0 only where `at_start` and `at_end` say so.
    pub every: u64,
    /// Evaluate before the first step.
    pub at_start: bool,
    /// Evaluate after the last step.
    pub at_end: bool,
    /// What to evaluate on.
    pub datasets: Vec<EvalDataset>,
    /// Completions of each task: k of avg@k.
    pub samples: usize,
    /// Sampling temperature; 0 takes the likeliest token.
    pub temperature: f64,
    /// Nucleus.
    pub top_p: f64,
    /// Largest number of candidates; 0 for all.
    pub top_k: usize,
    /// Longest completion, in tokens; 0 takes the run's own limit.
    pub max_new_tokens: usize,
}

impl Default for EvalSection {
    fn default() -> Self {
        Self {
            every: 0,
            at_start: true,
            at_end: true,
            datasets: Vec::new(),
            samples: 1,
            temperature: 0.6,
            top_p: 1.0,
            top_k: 0,
            max_new_tokens: 0,
        }
    }
}

/// `[checkpoint]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckpointSection {
    /// Write one after each so many steps, besides the one after the last; 0 only that one.
    pub every: u64,
    /// Keep the newest so many; 0 keeps all.
    pub keep: usize,
}

impl Default for CheckpointSection {
    fn default() -> Self {
        Self { every: 10, keep: 2 }
    }
}

impl EvalSection {
    /// Checks the sampling.
    ///
    /// # Errors
    /// A usage error that names the key.
    pub fn validate(&self) -> Result<()> {
        if self.samples == 0 {
            return Err(Usage::error("eval.samples: must be at least 1"));
        }
        let names: std::collections::BTreeSet<String> = self.datasets.iter().map(EvalDataset::name).collect();
        if names.len() < self.datasets.len() {
            return Err(Usage::error("eval.datasets: two have the same name; give them names of their own"));
        }
        Ok(())
    }
}

/// Checks `[optimizer]` and `[schedule]`, and gives the rate of each of `num_updates` updates.
///
/// # Errors
/// A usage error that names the section.
pub fn schedule(optimizer: &AdamWConfig, schedule: &ScheduleConfig, num_updates: u64) -> Result<Schedule> {
    optimizer.validate().map_err(|error| Usage::error(format!("optimizer: {error}")))?;
    Schedule::new(schedule.clone(), num_updates).map_err(|error| Usage::error(format!("schedule: {error}")))
}
