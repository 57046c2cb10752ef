//! `trainer cold-start`: supervised fine-tuning on traces. The loss is the mean negative logprob of the completions'
//! tokens; prompts are read, not learned.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use datasets::{Trace, read_traces};
use policy::{CHAT_TEMPLATE, Decoder, HeadOptions, Packed, Placement, SPECIAL_TOKENS, Texts, accumulate_gradient};
use rayon::prelude::*;
use record::metrics::Metrics;
use record::names;
use rollout::EngineOptions;
use tch::{Kind, Tensor};
use verifiers::RewardConfig;

use crate::checkpoint::{Checkpoint, OPTIMIZER, Position};
use crate::collector::Collector;
use crate::config::SupervisedRun;
use crate::evaluation::Evaluation;
use crate::evaluation_table::evaluation_table;
use crate::failure::{Interrupted, Usage};
use crate::interrupt::Interrupt;
use crate::judge::Judge;
use crate::learner::Learner;
use crate::model_thread::ModelThread;
use crate::open_run::{Entry, INITIAL_MODEL, OpenRun};
use crate::progress::Progress;
use crate::prompt::PromptFormat;
use crate::prompt_check::{at_line, load_texts};
use crate::run::inputs::resolve_links;
use crate::trace_tokens::{LearnedSequence, trace_tokens};
use learner::optimizer::gradient_norm::{clip_by_global_norm, gradients};
use learner::optimizer::schedule::Schedule;
use learner::token_split::split_by_tokens;

/// Most tokens of a completion in a cold start's evaluations, where the section has no limit.
const EVAL_TOKENS: usize = 1024;

/// Runs a cold start from its configuration to its last checkpoint.
///
/// # Errors
/// The input is bad, the disk is full, or the user interrupts.
pub(crate) async fn cold_start(mut config: SupervisedRun, entry: Entry, interrupt: Interrupt) -> Result<()> {
    config.validate()?;
    resolve_links(&mut config);
    let schedule = config.schedule()?;
    let placement = config.run.resolve()?;
    let traces = read_traces(&config.traces.path)?;
    let engine = EngineOptions::default();
    let mut evaluation = Evaluation::new(&config.eval, &config.prompt, &engine, EVAL_TOKENS, config.run.seed)?;
    let judge = Arc::new(Judge::start(&config.verifiers, &RewardConfig::default(), &config.sandbox).await?);
    evaluation.check(&judge).await?;
    // Of a model that is there the texts are checked before the run's folder is made.
    let is_there = entry.is_new(&config.run.dir) && config.new_model.is_none();
    let checked = is_there.then(|| check_texts(&config, &config.model.path, &traces, &mut evaluation)).transpose()?;
    let (mut run, resume_from) = OpenRun::open(&config, placement, entry)?;

    let start = start_folder(&config, &traces, resume_from.as_ref().map(Checkpoint::folder))?;
    let (traces, num_dropped) = match checked {
        Some(checked) => checked,
        None => check_texts(&config, &start, &traces, &mut evaluation)?,
    };
    let traces = Arc::new(traces);
    let adamw = config.optimizer.clone();
    let model = ModelThread::start(move || {
        let mut learner = Learner::load(&start, placement)?.with_optimizer(&adamw)?;
        if let (Some(checkpoint), Some((adamw, parameters))) = (&resume_from, &mut learner.optimizer) {
            checkpoint.load_optimizer(OPTIMIZER, adamw, parameters)?;
            let position: Position<()> = checkpoint.position()?;
            learner.policy_version = position.policy_version;
            learner.num_updates = position.num_updates;
        }
        Ok(learner)
    })
    .await?;
    let collector = Collector { model, judge, interrupt };

    let steps = config.update.steps;
    let progress = Progress::new("cold start", steps);
    if run.step == 0 && config.eval.at_start {
        let metrics = evaluation.run(&collector, &run, 0).await?;
        run.record(&metrics)?;
    }
    let _finishing = collector.interrupt.finish_steps()?;
    while run.step < steps {
        let started = Instant::now();
        let batch = batch(traces.len(), config.traces.per_step, config.run.seed, run.step);
        let mut metrics = collector
            .model
            .run({
                let (traces, config, schedule) = (traces.clone(), config.clone(), schedule.clone());
                move |learner| {
                    let batch: Vec<&LearnedSequence> = batch.iter().flat_map(|i| &traces[*i]).collect();
                    learn(learner, &batch, &config, &schedule)
                }
            })
            .await??;
        let seconds = started.elapsed().as_secs_f64();
        metrics.set(names::TIME_UPDATE, seconds);
        metrics.set(names::TRACES_DROPPED, num_dropped as f64);
        let tokens = metrics.get(names::BATCH_TOKENS.name).unwrap_or(0.0);
        metrics.set(names::TRAIN_TOKENS_PER_SECOND, tokens / seconds);
        run.step += 1;
        let step = run.step;
        let is_last = step == steps;
        if (config.eval.every > 0 && step.is_multiple_of(config.eval.every)) || (is_last && config.eval.at_end) {
            metrics.merge(evaluation.run(&collector, &run, step).await?);
        }
        metrics.set(names::TIME_STEP, started.elapsed().as_secs_f64());
        run.record(&metrics)?;
        let stop = collector.interrupt.is_asked();
        if (config.checkpoint.every > 0 && step.is_multiple_of(config.checkpoint.every)) || is_last || stop {
            run.checkpoint(&collector.model, (), config.checkpoint.keep).await?;
        }
        let loss = metrics.get(names::POLICY_LOSS.name).unwrap_or(f64::NAN);
        progress.step(step, &format!("loss {loss:.4}  {:.0} tokens/s", tokens / seconds));
        if stop && !is_last {
            return Err(Interrupted.into());
        }
    }
    progress.finish("");
    eprint!("{}", evaluation_table(&run)?);
    Ok(())
}

/// Folder of the model to load: the last checkpoint, the model named, or a new model made from the traces.
fn start_folder(config: &SupervisedRun, traces: &[Trace], resume: Option<&Path>) -> Result<std::path::PathBuf> {
    if let Some(folder) = resume {
        return Ok(folder.to_owned());
    }
    let Some(new) = &config.new_model else { return Ok(config.model.path.clone()) };
    let folder = config.run.dir.join(INITIAL_MODEL);
    let texts = traces.iter().flat_map(|trace| trace.messages.iter().map(|message| message.content.as_str()));
    let tokenizer = policy::train_tokenizer(texts, new.vocab_size as usize)?;
    let decoder = Decoder::random(&new.model_config()?, config.run.seed, Placement::CPU);
    policy::write_folder(&folder, &decoder, &tokenizer, CHAT_TEMPLATE, SPECIAL_TOKENS[2])?;
    Ok(folder)
}

/// Renders and measures all traces and held-out tasks for the model in a folder; returns what [`learned_traces`] does.
fn check_texts(
    config: &SupervisedRun,
    folder: &Path,
    traces: &[Trace],
    evaluation: &mut Evaluation,
) -> Result<(Vec<Vec<LearnedSequence>>, usize)> {
    let texts = load_texts(folder, &config.prompt)?;
    evaluation.check_prompts(&texts)?;
    learned_traces(config, &texts, traces)
}

/// The sequences of each trace that is learned, and the number of traces that are longer than the limit.
fn learned_traces(
    config: &SupervisedRun,
    texts: &Texts,
    traces: &[Trace],
) -> Result<(Vec<Vec<LearnedSequence>>, usize)> {
    let path = &config.traces.path;
    let format = PromptFormat::of_texts(texts, &config.prompt)?;
    let sequences = |trace: &Trace| {
        trace_tokens(&format, texts.turn_end.as_ref(), trace).map_err(|error| at_line(path, "trace", &trace.id, &error))
    };
    let mut learned = traces.par_iter().map(sequences).collect::<Result<Vec<_>>>()?;
    let limit = match config.traces.max_tokens {
        0 => texts.max_positions.unwrap_or(usize::MAX),
        limit => limit,
    };
    learned.retain(|sequences| sequences.iter().all(|sequence| sequence.ids.len() <= limit));
    let num_dropped = traces.len() - learned.len();
    if learned.is_empty() {
        let problem = format!("{}: every trace has more than {limit} tokens; raise traces.max_tokens", path.display());
        return Err(Usage::error(problem));
    }
    if num_dropped > 0 {
        tracing::warn!(
            file = %path.display(),
            "{num_dropped} of {} traces are dropped: they have more than {limit} tokens (traces.max_tokens)",
            traces.len()
        );
    }
    Ok((learned, num_dropped))
}

/// Places of the traces of a step; each epoch is a permutation keyed by the seed and the epoch.
fn batch(num_traces: usize, per_step: usize, seed: u64, step: u64) -> Vec<usize> {
    let places = step * per_step as u64..(step + 1) * per_step as u64;
    random::shuffled_places(num_traces, &[seed.into(), "traces".into()], places)
}

/// One update on one batch, on the model's thread.
fn learn(
    learner: &mut Learner,
    batch: &[&LearnedSequence],
    config: &SupervisedRun,
    schedule: &Schedule,
) -> Result<Metrics> {
    let decoder = &learner.policy.decoder;
    let update = &config.update;
    let num_targets: usize = batch.iter().map(|sequence| sequence.num_learned()).sum();
    let (mut loss, mut entropy) = (0.0, 0.0);
    let options = HeadOptions { temperature: 1.0, chunk: update.head_chunk };
    for piece in split_by_tokens(batch, update.micro_batch_tokens, |sequence| sequence.ids.len()) {
        let sequences: Vec<(&[u32], usize)> =
            piece.iter().map(|sequence| (sequence.ids.as_slice(), sequence.num_prompt)).collect();
        let packed = Packed::new(&sequences, decoder.device());
        let learned: Vec<f32> =
            piece.iter().flat_map(|sequence| &sequence.learned_mask).map(|learned| f32::from(*learned)).collect();
        let learned_mask = Tensor::from_slice(&learned).to_device(decoder.device()); // [targets], float32
        accumulate_gradient(decoder, &packed, options, update.recompute, |output| {
            let mean =
                |values: &Tensor| (values * &learned_mask).sum(Kind::Double).double_value(&[]) / num_targets as f64;
            loss -= mean(&output.logprobs);
            entropy += mean(&output.entropy);
            anyhow::Ok(&learned_mask * (-1.0 / num_targets as f64))
        })?;
    }
    let (optimizer, parameters) = learner.optimizer.as_mut().context("this policy is not trainable")?;
    let norm = clip_by_global_norm(&mut gradients(parameters), config.optimizer.max_gradient_norm);
    let lr = schedule.rate(learner.num_updates);
    learner.num_updates += 1;
    if norm.is_finite() {
        optimizer.step(parameters, lr)?;
        learner.policy_version += 1;
    } else {
        tracing::warn!("the gradient is not finite: this update is skipped");
    }
    for (_, tensor) in parameters {
        tensor.zero_grad();
    }
    let mut metrics = Metrics::new();
    metrics.set(names::POLICY_LOSS, loss);
    metrics.set(names::POLICY_ENTROPY, entropy);
    metrics.set(names::POLICY_GRADIENT_NORM, norm);
    metrics.set(names::POLICY_LR, lr);
    metrics.set(names::BATCH_TOKENS, batch.iter().map(|sequence| sequence.ids.len()).sum::<usize>() as f64);
    metrics.set(names::BATCH_TARGETS, num_targets as f64);
    Ok(metrics)
}
