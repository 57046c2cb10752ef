//! What a run will do, in counts: for people a line each, for programs an object.

use std::fmt;

use planner::{ModelSizes, Work, bytes_words};
use serde::Serialize;

use super::kind::Configured;
use crate::plan::Calendar;

/// Counts of a run.
#[derive(Debug, Serialize)]
pub(super) struct RunOutline {
    kind: String,
    file: String,
    model: String,
    parameters: u64,
    dtype: String,
    steps: u64,
    /// Absent where nothing is sampled.
    #[serde(skip_serializing_if = "Option::is_none")]
    sampling: Option<SampledBatch>,
    sequences_per_step: u64,
    tokens_per_sequence_at_most: u64,
    tokens_per_step_at_most: u64,
    updates_per_step: u64,
    sequences_per_update: f64,
    /// Updates between the policy that sampled and the one that the step's last minibatch changes.
    updates_behind_of_last: u64,
    evaluations: u64,
    evaluation: Vec<String>,
    checkpoints: u64,
    checkpoints_kept: usize,
    checkpoint_bytes: u64,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct SampledBatch {
    prompts_per_step: u64,
    samples_per_prompt: u64,
    draws_per_step_at_most: u64,
    prompt_tokens: u64,
    new_tokens_at_most: u64,
}

impl RunOutline {
    /// The counts of a run whose model was found in `model`.
    pub(super) fn new(configured: &Configured, file: &str, model: String, sizes: &ModelSizes, work: &Work) -> Self {
        let (calendar, has_evaluations) = calendar(configured);
        let sampling = work.completions.map(|completions| SampledBatch {
            prompts_per_step: work.sequences / completions.samples,
            samples_per_prompt: completions.samples,
            draws_per_step_at_most: work.sequences / completions.samples * completions.max_rounds,
            prompt_tokens: work.prompt_tokens,
            new_tokens_at_most: completions.new_tokens,
        });
        let notes = match configured {
            Configured::Stage(_, config) => config.notes(),
            _ => Vec::new(),
        };
        Self {
            kind: configured.name(),
            file: file.into(),
            model,
            parameters: sizes.num_parameters(),
            dtype: configured.run().dtype.clone(),
            steps: calendar.steps,
            sampling,
            sequences_per_step: work.sequences,
            tokens_per_sequence_at_most: work.longest,
            tokens_per_step_at_most: work.longest * work.sequences,
            updates_per_step: work.updates,
            sequences_per_update: work.sequences as f64 / work.updates as f64,
            updates_behind_of_last: work.updates - 1,
            evaluations: if has_evaluations { calendar.num_evaluations() } else { 0 },
            evaluation: evaluation(configured),
            checkpoints: calendar.num_checkpoints(),
            checkpoints_kept: calendar.checkpoints_kept,
            checkpoint_bytes: checkpoint_bytes(sizes, work),
            notes,
        }
    }
}

/// Times of the run, and true where an evaluation has something to measure.
fn calendar(configured: &Configured) -> (Calendar, bool) {
    match configured {
        Configured::Stage(_, config) => (config.calendar(), !config.eval.is_empty()),
        Configured::ColdStart(config) => (config.calendar(), !config.eval.is_empty()),
        Configured::RewardModel(config) => (config.calendar(), true),
    }
}

/// What an evaluation measures, in words.
fn evaluation(configured: &Configured) -> Vec<String> {
    let section = match configured {
        Configured::Stage(_, config) => &config.eval,
        Configured::ColdStart(config) => &config.eval,
        Configured::RewardModel(config) => return vec![config.preferences.eval.0.path.shown()],
    };
    let datasets = section.datasets.iter().map(|dataset| format!("{} (avg@{})", dataset.name(), section.samples));
    datasets.chain(section.suites.iter().map(|suite| suite.suite.clone())).collect()
}

/// Bytes of a checkpoint: weights and optimizer of all that is trained.
fn checkpoint_bytes(sizes: &ModelSizes, work: &Work) -> u64 {
    let of_optimizer = if work.number_bytes == 4 { 8 } else { 12 };
    let models = 1 + u64::from(work.critic.is_some());
    models * sizes.num_parameters() * (work.number_bytes + of_optimizer)
}

impl fmt::Display for RunOutline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} of {} is valid", self.kind, self.file)?;
        let billions = self.parameters as f64 / 1e9;
        let size = if billions >= 0.1 { format!("{billions:.1} billion") } else { self.parameters.to_string() };
        writeln!(f, "model        {}: {size} parameters, {}", self.model, self.dtype)?;
        match &self.sampling {
            Some(it) => {
                let SampledBatch { prompts_per_step: prompts, samples_per_prompt: samples, .. } = it;
                writeln!(
                    f,
                    "steps        {}, of {prompts} prompts x {samples} samples = {} sequences",
                    self.steps, self.sequences_per_step
                )?;
                if it.draws_per_step_at_most > it.prompts_per_step {
                    let most = it.draws_per_step_at_most;
                    writeln!(
                        f,
                        "draws        {most} prompts a step at most, where groups with equal rewards are replaced"
                    )?;
                }
                writeln!(
                    f,
                    "tokens       {} a sequence at most ({} of the prompt, assumed, and {} new), {} a step",
                    self.tokens_per_sequence_at_most,
                    it.prompt_tokens,
                    it.new_tokens_at_most,
                    self.tokens_per_step_at_most
                )?;
            }
            None => {
                writeln!(f, "steps        {}, of {} sequences", self.steps, self.sequences_per_step)?;
                let (sequence, step) = (self.tokens_per_sequence_at_most, self.tokens_per_step_at_most);
                writeln!(f, "tokens       {sequence} a sequence at most, {step} a step")?;
            }
        }
        let behind = match (self.sampling.is_some(), self.updates_behind_of_last) {
            (false, _) => String::new(),
            (true, 0) => "; on-policy".into(),
            (true, 1) => "; the last is 1 update behind the policy that sampled".into(),
            (true, more) => format!("; the last is {more} updates behind the policy that sampled"),
        };
        let (updates, sequences) = (self.updates_per_step, self.sequences_per_update);
        writeln!(f, "updates      {updates} a step, of {sequences} sequences each{behind}")?;
        if self.evaluations > 0 {
            writeln!(f, "evaluations  {}, of {}", self.evaluations, self.evaluation.join(", "))?;
        } else {
            writeln!(f, "evaluations  none")?;
        }
        let kept = match self.checkpoints_kept as u64 {
            0 => "all".into(),
            kept => kept.min(self.checkpoints).to_string(),
        };
        writeln!(
            f,
            "checkpoints  {}, of which {kept} stay, of {} each",
            self.checkpoints,
            bytes_words(self.checkpoint_bytes)
        )?;
        self.notes.iter().try_for_each(|note| writeln!(f, "note         {note}"))
    }
}
