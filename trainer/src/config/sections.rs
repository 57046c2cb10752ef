//! Sections that several kinds of run share.
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use datasets::near::did_you_mean;
use evaluation::ThinkingLimit;
use learner::optimizer::adamw::AdamWConfig;
use learner::optimizer::schedule::{Schedule, ScheduleConfig};
use policy::Placement;
use serde::{Deserialize, Serialize};
use tch::Kind;

use super::cores::cores_of_rank;
use super::data::SourceSection;
use super::suite::SuiteSection;
use crate::failure::Usage;
use crate::plan::Calendar;
use crate::ranks::environment::environment;

/// `[run]`: folder, seed and device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RunSection {
    /// Folder of the run, which must not exist yet unless the run goes on with `--resume`. It is needed, here or as
    /// `--run-dir`.
    pub dir: PathBuf,
    /// Seed that keys every random number of the run.
    pub seed: u64,
    /// Device: `auto`, `cpu`, `cuda` or `cuda:N`. Of several ranks on a host each takes the GPU of its LOCAL_RANK.
    pub device: String,
    /// Type of weights and activations: `float32` or `bfloat16`. Optimizer state, logprobs, losses: always float32.
    pub dtype: String,
    /// Number of threads that libtorch computes with on a CPU; 0 leaves it to libtorch, or of several ranks on a host
    /// gives each its share of the cores, or all to which its launcher has bound it.
    pub num_threads: usize,
}

impl Default for RunSection {
    fn default() -> Self {
        Self { dir: PathBuf::new(), seed: 0, device: "auto".into(), dtype: "float32".into(), num_threads: 0 }
    }
}

impl RunSection {
    /// The device that was meant, in words, where the word is none.
    fn near_device(&self) -> String {
        let known = ["auto", "cpu", "cuda"];
        let word = self.device.split(':').next().unwrap_or_default();
        if known.contains(&word) { String::new() } else { did_you_mean(word, known.into_iter()) }
    }

    /// The dtype.
    ///
    /// # Errors
    /// A usage error: it is unknown.
    pub(crate) fn kind(&self) -> Result<Kind> {
        match self.dtype.as_str() {
            "float32" => Ok(Kind::Float),
            "bfloat16" => Ok(Kind::BFloat16),
            other => {
                let hint = did_you_mean(other, ["float32", "bfloat16"].into_iter());
                Err(Usage::error(format!("run.dtype: `{other}` is neither float32 nor bfloat16{hint}")))
            }
        }
    }

    /// The device and dtype, with libtorch's threads set: of several ranks on a host each takes a GPU of its own, or
    /// its share of the cores, or those to which its launcher has bound it.
    ///
    /// # Errors
    /// A usage error: the device is not to be had, or not for several ranks, or the dtype is unknown.
    pub(crate) fn resolve(&self) -> Result<Placement> {
        let (kind, ranks) = (self.kind()?, environment()?);
        let device = match &ranks {
            None => policy::resolve_device(&self.device),
            Some(ranks) => policy::resolve_rank_device(&self.device, ranks.local_rank, ranks.local_world_size),
        };
        let device = device.map_err(|error| Usage::error(format!("{error}{}", self.near_device())))?;
        let share = ranks.map_or(0, |ranks| cores_of_rank(ranks.local_world_size));
        let num_threads = if self.num_threads > 0 { self.num_threads } else { share };
        if num_threads > 0 {
            tch::set_num_threads(num_threads as i32);
        }
        Ok(Placement { device, kind })
    }
}

/// `[model]`: a model to start from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ModelSection {
    /// Hugging Face folder, or the name of a model of the hub: `org/name[@revision]`.
    pub path: PathBuf,
}

impl ModelSection {
    /// The folder, which must be given.
    ///
    /// # Errors
    /// A usage error where it is not.
    pub(crate) fn path(&self) -> Result<&Path> {
        if self.path.as_os_str().is_empty() {
            return Err(Usage::error(
                "model.path: name a folder with config.json, model.safetensors and tokenizer.json, or a model of the \
                 hub",
            ));
        }
        Ok(&self.path)
    }
}

/// `[eval]`: held-out tasks, sampled as reasoning models are: at a temperature, averaged over samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EvalSection {
    /// Number of steps between two evaluations; 0 leaves only those of `at_start` and `at_end`.
    pub every: u64,
    /// True where an evaluation comes before the first step.
    pub at_start: bool,
    /// True where an evaluation comes after the last step.
    pub at_end: bool,
    /// Held-out datasets of a user's own.
    pub datasets: Vec<SourceSection>,
    /// Published suites, asked and judged by their own protocols.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suites: Vec<SuiteSection>,
    /// Number of completions of each task: k of avg@k.
    pub samples: usize,
    /// Sampling temperature; 0 takes the likeliest token.
    pub temperature: f64,
    /// Probability mass of the nucleus; 1 keeps everything.
    pub top_p: f64,
    /// Largest number of candidates; 0 for all.
    pub top_k: usize,
    /// Longest completion, in tokens; 0 takes the run's own limit.
    pub max_new_tokens: usize,
    /// Most tokens that a completion of the datasets may think, as in `[rollout]`; a suite's stands in its protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<ThinkingLimit>,
    /// True where tasks of the datasets are offered the run's tools, as those of training are; a run without tools has
    /// none to offer. Suites are asked as they are published.
    pub tools: bool,
    /// Number of tasks of each source, kind and verifier, training tasks too, that are judged with completions worth
    /// nothing when the run starts, to say what a policy gets for nothing; 0 judges none.
    pub cheap_sample: usize,
}

impl Default for EvalSection {
    fn default() -> Self {
        Self {
            every: 0,
            at_start: true,
            at_end: true,
            datasets: Vec::new(),
            suites: Vec::new(),
            samples: 1,
            temperature: 0.6,
            top_p: 1.0,
            top_k: 0,
            max_new_tokens: 0,
            thinking: None,
            tools: true,
            cheap_sample: 16,
        }
    }
}

/// `[checkpoint]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CheckpointSection {
    /// Number of steps between two checkpoints, besides the one after the last step; 0 leaves only that one.
    pub every: u64,
    /// Number of newest checkpoints that are kept; 0 keeps all.
    pub keep: usize,
    /// Longest time in seconds from a signal to stop until the step is done and saved; past it the process ends at
    /// once, and the step is lost. 0 waits for as long as it takes.
    pub grace_seconds: u64,
}

impl Default for CheckpointSection {
    fn default() -> Self {
        Self { every: 10, keep: 2, grace_seconds: 0 }
    }
}

impl CheckpointSection {
    /// Longest time from a signal to stop until the step is done and saved; none for as long as it takes.
    pub(super) fn grace(&self) -> Option<Duration> {
        (self.grace_seconds > 0).then(|| Duration::from_secs(self.grace_seconds))
    }
}

impl EvalSection {
    /// True where there is nothing to measure.
    pub(crate) fn is_empty(&self) -> bool {
        self.datasets.is_empty() && self.suites.is_empty()
    }

    /// Times of evaluations, and of checkpoints beside them, in a run of `steps`.
    pub(super) fn calendar(&self, steps: u64, checkpoint: &CheckpointSection) -> Calendar {
        Calendar {
            steps,
            eval_every: self.every,
            eval_at_start: self.at_start,
            eval_at_end: self.at_end,
            checkpoint_every: checkpoint.every,
            checkpoints_kept: checkpoint.keep,
            grace: checkpoint.grace(),
        }
    }

    /// Checks the sampling.
    ///
    /// # Errors
    /// A usage error that names the key.
    pub(crate) fn validate(&self) -> Result<()> {
        if self.samples == 0 {
            return Err(Usage::error("eval.samples: must be at least 1"));
        }
        for (i, dataset) in self.datasets.iter().enumerate() {
            let key = format!("eval.datasets.{i}");
            dataset.validate(&key)?;
            if dataset.weight != 1.0 {
                return Err(Usage::error(format!("{key}.weight: held-out tasks are all taken; leave it out")));
            }
        }
        let names: std::collections::BTreeSet<String> = self.datasets.iter().map(SourceSection::name).collect();
        if names.len() < self.datasets.len() {
            return Err(Usage::error("eval.datasets: two have the same name; give them names of their own"));
        }
        let mut suites = self.suites.iter().enumerate();
        suites.try_for_each(|(i, suite)| suite.validate(&format!("eval.suites.{i}")))
    }
}

/// Checks `[optimizer]` and `[schedule]`, and gives the rate of each of `num_updates` updates.
///
/// # Errors
/// A usage error that begins with the key.
pub(super) fn schedule(optimizer: &AdamWConfig, schedule: &ScheduleConfig, num_updates: u64) -> Result<Schedule> {
    optimizer.validate().map_err(|error| Usage::error(format!("optimizer.{error}")))?;
    Schedule::new(schedule.clone(), num_updates).map_err(|error| Usage::error(format!("schedule.{error}")))
}
