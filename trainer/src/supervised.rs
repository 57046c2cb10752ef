//! `trainer cold-start`: supervised fine-tuning on traces. The loss is the mean negative logprob of the completions'
//! tokens; prompts are read, not learned.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, bail};
use datasets::Trace;
use learner::learner::Learner;
use learner::objective::supervised::{LearnedSequence, SupervisedPlan};
use learner::trainable::{Actor, Trainable};
use policy::{CHAT_TEMPLATE, Decoder, Placement, Policy, SPECIAL_TOKENS, Texts};
use rayon::prelude::*;
use record::metrics::Metrics;
use record::names;
use rollout::EngineOptions;
use verifiers::RewardConfig;

use crate::cheap::say_cheap_shares;
use crate::checkpoint::Checkpoint;
use crate::collect::Collector;
use crate::config::SupervisedRun;
use crate::evaluation::Evaluation;
use crate::evaluation_table::say_evaluation_table;
use crate::failure::Usage;
use crate::interrupt::Interrupt;
use crate::judge::Judge;
use crate::open_run::{Entry, INITIAL_MODEL, OpenRun};
use crate::origin::{SourceRecords, data_source, traces_of};
use crate::prompt::PromptFormat;
use crate::prompt_check::load_texts;
use crate::ranks::{HostServers, MetRun, Models, Start, Team, run_on_ranks};
use crate::run::run_loop::{Stage, StepOutcome, run_steps};
use crate::skipped_update;
use crate::trace_tokens::trace_tokens;
use crate::walk::{Walk, WalkSource};
use crate::worker::{ModelCommand, ModelEvent, ModelState, ModelWorker, Plans};

/// Most tokens of a completion in a cold start's evaluations, where the section has no limit.
const EVAL_TOKENS: usize = 1024;

/// A cold start that is ready to step.
struct ColdStart {
    config: SupervisedRun,
    collector: Collector,
    evaluation: Evaluation,
    traces: Walk<Vec<LearnedSequence>>,
    /// Number of traces that are longer than the limit.
    num_dropped: usize,
}

/// Runs a cold start from its configuration to its last checkpoint; on another rank than the first, what that has it
/// do.
///
/// # Errors
/// The input is bad, the disk is full, a rank is gone, or the user interrupts.
pub(crate) async fn cold_start(config: SupervisedRun, entry: Entry, interrupt: Interrupt) -> Result<()> {
    config.validate()?;
    let load = |config: &SupervisedRun, models: Models<'_>, start: &Start| {
        Ok(state(config, models, &start.model, start.resume_from.as_deref())?.0)
    };
    let held = entry.held_commits(&config.run.dir);
    run_on_ranks(config, held, &interrupt, async |run| lead(run, entry, interrupt.clone()).await, load).await
}

/// Runs a cold start on the rank that decides.
async fn lead(run: MetRun<SupervisedRun>, entry: Entry, interrupt: Interrupt) -> Result<()> {
    let MetRun { config, placement, identity, team } = run;
    let sources = config.sources()?;
    let traces: Vec<SourceRecords<Trace>> =
        sources.iter().map(|source| traces_of(&data_source(source))).collect::<Result<_>>()?;
    let mut evaluation = Evaluation::new(&config.eval, &config.prompt, EVAL_TOKENS, config.run.seed)?;
    let hosts = HostServers::await_all(team.as_ref(), &config.sandbox).await?;
    let judge = Judge::start(&config.verifiers, &RewardConfig::default(), &config.sandbox, hosts).await?;
    let judge = Arc::new(judge);
    evaluation.check(&judge).await?;
    // Of a model that is there the texts are checked before the run's folder is made.
    let is_there = entry.is_new(&config.run.dir) && config.new_model.is_none();
    let checked = is_there.then(|| check_texts(&config, &config.model.path, &traces, &mut evaluation)).transpose()?;
    let (mut run, resume_from) = OpenRun::open(&config, identity, entry)?;

    let start = start_folder(&config, &traces, resume_from.as_ref().map(Checkpoint::folder))?;
    let (traces, num_dropped) = match checked {
        Some(checked) => checked,
        None => check_texts(&config, &start, &traces, &mut evaluation)?,
    };
    run.announce(team.as_ref(), resume_from.as_ref(), &start)?;
    if resume_from.is_none() {
        let (sources, sample) = (evaluation.tasks(), config.eval.cheap_sample);
        say_cheap_shares(sources, &judge, &config.verifiers, sample, &interrupt).await?;
    }
    let (worker, texts) = load(&config, placement, team, start, resume_from).await?;
    let collector =
        Collector { worker, texts, scorer_texts: None, judge, patience: None, interrupt: interrupt.clone() };
    let calendar = config.calendar();
    let walked = sources.iter().zip(traces);
    let walked = walked.map(|(source, items)| WalkSource { name: source.name(), weight: source.weight, items });
    let traces = Walk::new(walked.collect(), config.run.seed, "traces");
    let mut stage = ColdStart { config, collector, evaluation, traces, num_dropped };
    run_steps(&mut stage, &mut run, &calendar, &interrupt, "cold start").await?;
    say_evaluation_table(&run)?;
    Ok(())
}

/// Starts the model's thread with the policy of a folder.
async fn load(
    config: &SupervisedRun,
    placement: Placement,
    team: Option<Team>,
    start: PathBuf,
    resume_from: Option<Checkpoint>,
) -> Result<(ModelWorker, Arc<Texts>)> {
    let config = config.clone();
    ModelWorker::start_on(team, move |team| {
        state(&config, Models { team, placement }, &start, resume_from.as_ref().map(Checkpoint::folder))
    })
    .await
}

/// What the model's thread of a rank owns, with the policy of the folder `start`; and the policy's texts.
fn state(
    config: &SupervisedRun,
    models: Models<'_>,
    start: &Path,
    resume_from: Option<&Path>,
) -> Result<(ModelState, Arc<Texts>)> {
    let actor = Actor { policy: Policy::load(start, models)?, value_head: None };
    let texts = actor.policy.texts.clone();
    let learner = Learner::of(Trainable::new(actor, &config.optimizer, config.schedule()?)?);
    let plan = SupervisedPlan {
        micro_batch_tokens: config.update.micro_batch_tokens,
        head_chunk: config.update.head_chunk,
        recompute: config.update.recompute,
    };
    let plans = Plans { supervised: Some(plan), ..Plans::default() };
    let mut state = ModelState::of_learner(learner, &EngineOptions::default(), plans)?.on(models.team)?;
    if let Some(checkpoint) = resume_from {
        state.load_beside_policy(checkpoint)?;
    }
    Ok((state, texts))
}

impl Stage for ColdStart {
    type Data = ();

    async fn step(&mut self, run: &OpenRun, step: u64) -> Result<StepOutcome> {
        let started = Instant::now();
        let config = &self.config;
        let batch = self.traces.batch(step - 1, config.traces.per_step);
        let sequences: Vec<LearnedSequence> = batch.into_iter().flatten().cloned().collect();
        let num_tokens: usize = sequences.iter().map(|sequence| sequence.ids.len()).sum();
        let command = ModelCommand::LearnTraces { step: step - 1, sequences: sequences.clone() };
        let ModelEvent::LearnedTraces(outcome) = self.collector.worker.ask(command).await? else {
            bail!("the model's thread did not learn the traces that it was given");
        };
        if !outcome.step.applied {
            skipped_update::write_down(run, step, "policy", 0, &skipped_update::rows_of_sequences(&sequences))?;
        }
        let mut metrics = Metrics::new();
        metrics.set(names::POLICY_LOSS, outcome.loss);
        metrics.set(names::POLICY_ENTROPY, outcome.entropy);
        metrics.set(names::POLICY_GRADIENT_NORM, outcome.step.gradient_norm);
        metrics.set(names::POLICY_LR, outcome.step.lr);
        metrics.set(names::BATCH_TOKENS, num_tokens as f64);
        metrics.set(names::BATCH_TARGETS, outcome.num_targets as f64);
        metrics.set(names::TRACES_DROPPED, self.num_dropped as f64);
        let seconds = started.elapsed().as_secs_f64();
        metrics.set(names::TIME_UPDATE, seconds);
        metrics.set(names::TRAIN_TOKENS_PER_SECOND, num_tokens as f64 / seconds);
        Ok(StepOutcome { metrics, skipped_in_a_row: outcome.step.skipped_in_a_row })
    }

    async fn evaluate(&mut self, run: &OpenRun, step: u64) -> Result<Metrics> {
        self.evaluation.run(&self.collector, run, step).await
    }

    fn data(&self) {}

    fn worker(&self) -> &ModelWorker {
        &self.collector.worker
    }

    fn line(&self, metrics: &Metrics) -> String {
        let shown = |name: &str| metrics.get(name).unwrap_or(f64::NAN);
        let (loss, speed) = (shown(names::POLICY_LOSS.name), shown(names::TRAIN_TOKENS_PER_SECOND.name));
        format!("loss {loss:.4}  {speed:.0} tokens/s")
    }
}

/// Folder of the model to load: the last checkpoint, the model named, or a new model made from the traces.
fn start_folder(config: &SupervisedRun, traces: &[SourceRecords<Trace>], resume: Option<&Path>) -> Result<PathBuf> {
    if let Some(folder) = resume {
        return Ok(folder.to_owned());
    }
    let Some(new) = &config.new_model else { return Ok(config.model.path.clone()) };
    let folder = config.run.dir.join(INITIAL_MODEL);
    let messages = traces.iter().flat_map(|source| &source.records).flat_map(|trace| &trace.messages);
    let texts = messages.map(|message| message.content.as_str());
    let tokenizer = policy::train_tokenizer(texts, new.vocab_size as usize)?;
    let decoder = Decoder::random(&new.model_config()?, config.run.seed, Placement::CPU);
    policy::write_folder(&folder, &decoder, &tokenizer, CHAT_TEMPLATE, SPECIAL_TOKENS[2])?;
    Ok(folder)
}

/// Renders and measures all traces and held-out tasks for the model in a folder; returns for each source what
/// [`learned_traces`] does, and the number of all traces that are longer than the limit.
fn check_texts(
    config: &SupervisedRun,
    folder: &Path,
    traces: &[SourceRecords<Trace>],
    evaluation: &mut Evaluation,
) -> Result<(Vec<Vec<Vec<LearnedSequence>>>, usize)> {
    let texts = load_texts(folder, &config.prompt)?;
    evaluation.check_prompts(&texts, &EngineOptions::default())?;
    let learned = traces.iter().map(|source| learned_traces(config, &texts, source)).collect::<Result<Vec<_>>>()?;
    let num_traces = |source: &SourceRecords<Trace>| source.records.len();
    let num_dropped = traces.iter().map(num_traces).sum::<usize>() - learned.iter().map(Vec::len).sum::<usize>();
    Ok((learned, num_dropped))
}

/// The sequences of each trace of a source that is learned: one that is longer than the limit is not.
fn learned_traces(
    config: &SupervisedRun,
    texts: &Texts,
    SourceRecords { records: traces, origin, .. }: &SourceRecords<Trace>,
) -> Result<Vec<Vec<LearnedSequence>>> {
    let format = PromptFormat::of_texts(texts, &config.prompt)?;
    let sequences = |trace: &Trace| {
        trace_tokens(&format, texts.turn_end.as_ref(), trace).map_err(|error| origin.error("trace", &trace.id, &error))
    };
    let mut learned = traces.par_iter().map(sequences).collect::<Result<Vec<_>>>()?;
    let limit = match config.traces.max_tokens {
        0 => texts.max_positions.unwrap_or(usize::MAX),
        limit => limit,
    };
    learned.retain(|sequences| sequences.iter().all(|sequence| sequence.ids.len() <= limit));
    let num_dropped = traces.len() - learned.len();
    if learned.is_empty() {
        let problem = format!("{}: every trace has more than {limit} tokens; raise traces.max_tokens", origin.files());
        return Err(Usage::error(problem));
    }
    if num_dropped > 0 {
        tracing::warn!(
            file = origin.files(),
            "{num_dropped} of {} traces are dropped: they have more than {limit} tokens (traces.max_tokens)",
            traces.len()
        );
    }
    Ok(learned)
}
