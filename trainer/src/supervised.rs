//! `trainer cold-start`: supervised fine-tuning on traces. The loss is the mean negative logprob of the completions'
//! tokens; prompts are read, not learned.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use datasets::{Trace, read_traces};
use policy::{CHAT_TEMPLATE, Decoder, HeadOptions, Packed, Placement, SPECIAL_TOKENS, accumulate_gradient};
use record::metrics::Metrics;
use record::names;
use rollout::EngineOptions;
use tch::{Kind, Tensor};
use verifiers::RewardConfig;

use crate::checkpoint::{self, Position};
use crate::collector::Collector;
use crate::config::SupervisedRun;
use crate::evaluation::Evaluation;
use crate::evaluation_table::evaluation_table;
use crate::interrupt::Interrupt;
use crate::judge::Judge;
use crate::learner::Learner;
use crate::model_thread::ModelThread;
use crate::open_run::{Entry, OpenRun};
use crate::optimizer::gradient_norm::{clip_by_global_norm, gradients};
use crate::optimizer::schedule::Schedule;
use crate::progress::Progress;
use crate::prompt::trace_ids;
use crate::token_split::split_by_tokens;

/// Most tokens of a completion in a cold start's evaluations, where the section has no limit.
const EVAL_TOKENS: usize = 1024;

/// Runs a cold start from its configuration to its last checkpoint.
///
/// # Errors
/// The input is bad, the disk is full, or the user interrupts.
pub(crate) async fn cold_start(config: SupervisedRun, entry: Entry, interrupt: Interrupt) -> Result<()> {
    config.validate()?;
    let schedule = config.schedule()?;
    let placement = config.run.resolve()?;
    let traces = read_traces(&config.traces.path)?;
    let engine = EngineOptions::default();
    let evaluation = Evaluation::new(&config.eval, &config.prompt, &engine, EVAL_TOKENS, config.run.seed)?;
    let judge = Arc::new(Judge::start(&config.verifiers, &RewardConfig::default(), &config.sandbox).await?);
    evaluation.check(&judge).await?;
    let (mut run, resume_from) = OpenRun::open(&config.run.dir, &config, entry)?;

    let start = start_folder(&config, &traces, resume_from.as_deref())?;
    let adamw = config.optimizer.clone();
    let model = ModelThread::start(move || {
        let mut learner = Learner::load(&start, placement)?.with_optimizer(&adamw)?;
        if let (Some(folder), Some((adamw, parameters))) = (&resume_from, &mut learner.optimizer) {
            let position: Position<()> = checkpoint::load(folder, adamw, parameters)?;
            learner.policy_version = position.policy_version;
            learner.num_updates = position.num_updates;
        }
        Ok(learner)
    })
    .await?;
    let prompt = config.prompt.clone();
    let sequences: Vec<(Vec<u32>, usize)> = model
        .run(move |learner| {
            let ids = |trace: &Trace| {
                trace_ids(&learner.policy, &trace.messages, &prompt).with_context(|| format!("trace {}", trace.id))
            };
            traces.iter().map(ids).collect::<Result<_>>()
        })
        .await??;
    let sequences = Arc::new(sequences);
    let collector = Collector { model, judge, interrupt };

    let steps = config.update.steps;
    let progress = Progress::new("cold start", steps);
    if run.step == 0 && config.eval.at_start {
        let metrics = evaluation.run(&collector, &run, 0).await?;
        run.record(&metrics)?;
    }
    while run.step < steps {
        collector.interrupt.check()?;
        let started = Instant::now();
        let batch = batch(sequences.len(), config.traces.per_step, config.run.seed, run.step);
        let mut metrics = collector
            .model
            .run({
                let (sequences, config, schedule) = (sequences.clone(), config.clone(), schedule.clone());
                move |learner| {
                    let batch: Vec<_> = batch.iter().map(|i| &sequences[*i]).collect();
                    learn(learner, &batch, &config, &schedule)
                }
            })
            .await??;
        let seconds = started.elapsed().as_secs_f64();
        metrics.set(names::TIME_UPDATE, seconds);
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
        if (config.checkpoint.every > 0 && step.is_multiple_of(config.checkpoint.every)) || is_last {
            run.checkpoint(&collector.model, (), config.checkpoint.keep).await?;
        }
        let loss = metrics.get(names::POLICY_LOSS.name).unwrap_or(f64::NAN);
        progress.step(step, &format!("loss {loss:.4}  {:.0} tokens/s", tokens / seconds));
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
    let folder = config.run.dir.join("initial");
    let texts = traces.iter().flat_map(|trace| trace.messages.iter().map(|message| message.content.as_str()));
    let tokenizer = policy::train_tokenizer(texts, new.vocab_size as usize)?;
    let decoder = Decoder::random(&new.model_config()?, config.run.seed, Placement::CPU);
    policy::write_folder(&folder, &decoder, &tokenizer, CHAT_TEMPLATE, SPECIAL_TOKENS[2])?;
    Ok(folder)
}

/// Places of the traces of a step; each epoch is a permutation keyed by the seed and the epoch.
fn batch(num_traces: usize, per_step: usize, seed: u64, step: u64) -> Vec<usize> {
    let places = step * per_step as u64..(step + 1) * per_step as u64;
    random::shuffled_places(num_traces, &[seed.into(), "traces".into()], places)
}

/// One update on one batch, on the model's thread.
fn learn(
    learner: &mut Learner,
    batch: &[&(Vec<u32>, usize)],
    config: &SupervisedRun,
    schedule: &Schedule,
) -> Result<Metrics> {
    let decoder = &learner.policy.decoder;
    let update = &config.update;
    let num_targets: usize = batch.iter().map(|(ids, prompt)| ids.len() - prompt).sum();
    let (mut loss, mut entropy) = (0.0, 0.0);
    let options = HeadOptions { temperature: 1.0, chunk: update.head_chunk };
    for piece in split_by_tokens(batch, update.micro_batch_tokens, |(ids, _)| ids.len()) {
        let sequences: Vec<(&[u32], usize)> = piece.iter().map(|(ids, prompt)| (ids.as_slice(), *prompt)).collect();
        let packed = Packed::new(&sequences, decoder.device());
        accumulate_gradient(decoder, &packed, options, update.recompute, |output| {
            loss -= output.logprobs.sum(Kind::Double).double_value(&[]) / num_targets as f64;
            entropy += output.entropy.sum(Kind::Double).double_value(&[]) / num_targets as f64;
            anyhow::Ok(Tensor::full_like(&output.logprobs, -1.0 / num_targets as f64))
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
    metrics.set(names::BATCH_TOKENS, batch.iter().map(|(ids, _)| ids.len()).sum::<usize>() as f64);
    metrics.set(names::BATCH_TARGETS, num_targets as f64);
    Ok(metrics)
}
