//! `trainer reward-model`: a reward model from preference pairs.
use std::path::PathBuf;

use anyhow::Result;
use learner::objective::preference::PreferenceLossConfig;
use learner::optimizer::adamw::AdamWConfig;
use learner::optimizer::schedule::{Schedule, ScheduleConfig};
use policy::Recompute;
use serde::{Deserialize, Serialize};

use super::data::{DataSection, ShortSource, SourceSection};
use super::parallel::ParallelSection;
use super::prompt::PromptSection;
use super::sections::{self, CheckpointSection, ModelSection, RunSection};
use crate::failure::Usage;
use crate::plan::Calendar;

/// The whole configuration of a reward model's training.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RewardModelRun {
    /// Folder, seed and device.
    pub run: RunSection,
    /// Language model whose decoder the reward model starts from.
    pub model: ModelSection,
    /// Text around a task's words.
    pub prompt: PromptSection,
    /// Pairs to train on, where `preferences.train` names none.
    #[serde(skip_serializing_if = "DataSection::is_empty")]
    pub data: DataSection,
    /// Pairs to train and evaluate on.
    pub preferences: Preferences,
    /// Bradley-Terry loss.
    pub loss: PreferenceLossConfig,
    /// Batches of pairs to train on.
    pub update: PreferenceUpdate,
    /// AdamW.
    pub optimizer: AdamWConfig,
    /// Learning rate over the updates.
    pub schedule: ScheduleConfig,
    /// Times of checkpoints.
    pub checkpoint: CheckpointSection,
    /// Sharing of the work among ranks.
    pub parallel: ParallelSection,
}

/// `[preferences]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Preferences {
    /// File of pairs, or a folder of them: a short form of one `[[data.source]]`. One of the two is needed.
    pub train: PathBuf,
    /// Held-out pairs: a path, or a table with the keys of a `[[data.source]]`.
    pub eval: ShortSource,
    /// Number of pairs in each step's batch.
    pub per_step: usize,
}

impl Default for Preferences {
    fn default() -> Self {
        Self { train: PathBuf::new(), eval: ShortSource::default(), per_step: 32 }
    }
}

/// `[update]`: batches of pairs, and how they go through the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PreferenceUpdate {
    /// Number of steps of the run.
    pub steps: u64,
    /// Most tokens that go through the model at a time (a pair always goes whole).
    pub micro_batch_tokens: usize,
    /// Number of steps between two measurements on the held-out pairs; one comes before the first step and one after
    /// the last in any case.
    pub eval_every: u64,
    /// Part of the forward pass that the backward pass computes again.
    pub recompute: Recompute,
}

impl Default for PreferenceUpdate {
    fn default() -> Self {
        Self { steps: 100, micro_batch_tokens: 8192, eval_every: 20, recompute: Recompute::Nothing }
    }
}

impl RewardModelRun {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// A usage error that names the key.
    pub(crate) fn validate(&self) -> Result<()> {
        let refuse = |message: &str| Err(Usage::error(message));
        self.model.path()?;
        if self.run.dir.as_os_str().is_empty() {
            return refuse("run.dir: name the run's folder, or pass --run-dir");
        }
        self.sources()?;
        self.preferences.eval.0.validate("preferences.eval")?;
        if self.preferences.per_step == 0 || self.update.steps == 0 || self.update.micro_batch_tokens == 0 {
            return refuse("preferences.per_step, update.steps and update.micro_batch_tokens must be at least 1");
        }
        self.prompt.validate()?;
        self.parallel.validate_whole_sequences()?;
        self.loss.validate().map_err(|error| Usage::error(error.to_string()))?;
        self.schedule().map(|_| ())
    }

    /// The sources of the pairs to train on.
    ///
    /// # Errors
    /// A usage error that names the key.
    pub(crate) fn sources(&self) -> Result<Vec<SourceSection>> {
        self.data.or_short(&SourceSection::of(self.preferences.train.as_path().into()), "preferences.train")
    }

    /// Times of evaluations and checkpoints.
    pub(crate) fn calendar(&self) -> Calendar {
        Calendar {
            steps: self.update.steps,
            eval_every: self.update.eval_every,
            eval_at_start: true,
            eval_at_end: true,
            checkpoint_every: self.checkpoint.every,
            checkpoints_kept: self.checkpoint.keep,
            grace: self.checkpoint.grace(),
        }
    }

    /// The learning rate of each update of the run.
    ///
    /// # Errors
    /// A usage error that names the section.
    pub(crate) fn schedule(&self) -> Result<Schedule> {
        sections::schedule(&self.optimizer, &self.schedule, self.update.steps)
    }
}
