//! `trainer cold-start`: supervised fine-tuning on traces.
use std::path::PathBuf;

use anyhow::Result;
use learner::optimizer::adamw::AdamWConfig;
use learner::optimizer::schedule::{Schedule, ScheduleConfig};
use policy::{Architecture, ModelConfig};
use serde::{Deserialize, Serialize};
use verifiers::VerifiersConfig;

use super::data::{DataSection, SourceSection};
use super::parallel::ParallelSection;
use super::prompt::PromptSection;
use super::reinforce::UpdateSection;
use super::sandbox::SandboxSection;
use super::sections::{self, CheckpointSection, EvalSection, ModelSection, RunSection};
use crate::failure::Usage;
use crate::plan::Calendar;

/// The whole configuration of a cold start.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SupervisedRun {
    /// Folder, seed and device.
    pub run: RunSection,
    /// Model to fine-tune; none where `new_model` describes one.
    pub model: ModelSection,
    /// New model with random weights and a tokenizer trained from the traces.
    pub new_model: Option<NewModel>,
    /// Text around a task's words.
    pub prompt: PromptSection,
    /// Traces to learn from, where `traces.path` names none.
    #[serde(skip_serializing_if = "DataSection::is_empty")]
    pub data: DataSection,
    /// Traces to learn from, and how many at a time.
    pub traces: Traces,
    /// Computation of the update; `steps` counts batches of traces, and `updates_per_step` is 1.
    pub update: UpdateSection,
    /// AdamW.
    pub optimizer: AdamWConfig,
    /// Learning rate over the updates.
    pub schedule: ScheduleConfig,
    /// Held-out tasks.
    pub eval: EvalSection,
    /// Times of checkpoints.
    pub checkpoint: CheckpointSection,
    /// Sharing of the work among ranks.
    pub parallel: ParallelSection,
    /// Settings of the verifiers.
    pub verifiers: VerifiersConfig,
    /// Code execution service.
    pub sandbox: SandboxSection,
}

/// `[traces]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Traces {
    /// File of traces, or a folder of them: a short form of one `[[data.source]]`. One of the two is needed. Every turn
    /// of the assistant is learned, and the last message is one.
    pub path: PathBuf,
    /// Most tokens of a trace; longer ones are dropped and counted. 0 takes the model's number of positions.
    pub max_tokens: usize,
    /// Number of traces in each step's batch.
    pub per_step: usize,
}

impl Default for Traces {
    fn default() -> Self {
        Self { path: PathBuf::new(), max_tokens: 0, per_step: 64 }
    }
}

/// `[new_model]`: a Qwen2 decoder from nothing. Its keys have the names of config.json.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewModel {
    /// Most tokens of the tokenizer, the 256 bytes and the special tokens among them.
    pub vocab_size: i64,
    /// Width of the decoder: numbers of a token between two blocks.
    pub hidden_size: i64,
    /// Width of a block's feed-forward layer.
    pub intermediate_size: i64,
    /// Number of blocks.
    pub num_hidden_layers: i64,
    /// Number of query heads of a block. It divides `hidden_size`.
    pub num_attention_heads: i64,
    /// Number of key and value heads of a block. It divides `num_attention_heads`.
    pub num_key_value_heads: i64,
    /// Longest sequence, in tokens.
    pub max_position_embeddings: i64,
    /// Standard deviation of the random weights, above 0.
    #[serde(default = "initializer_range")]
    pub initializer_range: f64,
}

/// Qwen2's own standard deviation of random weights.
fn initializer_range() -> f64 {
    0.02
}

impl NewModel {
    /// The model's configuration, with the special tokens of a trained tokenizer.
    ///
    /// # Errors
    /// A usage error: the numbers do not make a model.
    pub(crate) fn model_config(&self) -> Result<ModelConfig> {
        if !(self.initializer_range.is_finite() && self.initializer_range > 0.0) {
            let problem = format!("new_model.initializer_range: is {}; give more than 0", self.initializer_range);
            return Err(Usage::error(problem));
        }
        let json = serde_json::json!({
            "model_type": "qwen2",
            "architectures": [Architecture::Qwen2.causal_class()],
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.num_hidden_layers,
            "num_attention_heads": self.num_attention_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "max_position_embeddings": self.max_position_embeddings,
            "rms_norm_eps": 1e-6,
            "rope_theta": 10_000.0,
            "tie_word_embeddings": true,
            "initializer_range": self.initializer_range,
            "bos_token_id": 0,
            "eos_token_id": [2, 0],
        });
        ModelConfig::from_json(&json).map_err(|error| Usage::error(format!("new_model: {error}")))
    }
}

impl SupervisedRun {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// A usage error that names the key.
    pub(crate) fn validate(&self) -> Result<()> {
        let refuse = |message: &str| Err(Usage::error(message));
        if self.run.dir.as_os_str().is_empty() {
            return refuse("run.dir: name the run's folder, or pass --run-dir");
        }
        match (&self.new_model, self.model.path.as_os_str().is_empty()) {
            (Some(_), false) => return refuse("model.path and [new_model]: give one of them, not both"),
            (None, true) => return refuse("model.path: name a model to fine-tune, or describe one in [new_model]"),
            _ => {}
        }
        if let Some(new_model) = &self.new_model {
            new_model.model_config()?;
        }
        self.sources()?;
        if self.traces.per_step == 0 {
            return refuse("traces.per_step: must be at least 1");
        }
        if self.update.steps == 0 || self.update.micro_batch_tokens == 0 || self.update.head_chunk < 1 {
            return refuse("update: steps, micro_batch_tokens and head_chunk must be at least 1");
        }
        if self.update.updates_per_step != 1 {
            return refuse("update.updates_per_step: a cold start makes one update of each batch");
        }
        self.verifiers.validate().map_err(|error| Usage::error(format!("verifiers: {error}")))?;
        self.prompt.validate()?;
        self.schedule()?;
        self.parallel.validate_whole_sequences()?;
        self.eval.validate()
    }

    /// The sources of the traces.
    ///
    /// # Errors
    /// A usage error that names the key.
    pub(crate) fn sources(&self) -> Result<Vec<SourceSection>> {
        self.data.or_short(&SourceSection::of(self.traces.path.as_path().into()), "traces.path")
    }

    /// Times of evaluations and checkpoints.
    pub(crate) fn calendar(&self) -> Calendar {
        self.eval.calendar(self.update.steps, &self.checkpoint)
    }

    /// The learning rate of each update of the run.
    ///
    /// # Errors
    /// A usage error that names the section.
    pub(crate) fn schedule(&self) -> Result<Schedule> {
        sections::schedule(&self.optimizer, &self.schedule, self.update.steps)
    }
}
