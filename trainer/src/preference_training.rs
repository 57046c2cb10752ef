//! `trainer reward-model`: a scalar head on the decoder, trained on pairs by the Bradley-Terry loss.
//!
//! The answers of a pair are read without their thinking, as in stage 2.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use datasets::{PreferencePair, read_preferences};
use policy::{NamedTensors, RewardModel};
use rayon::prelude::*;
use record::metrics::Metrics;
use record::names::{self, EVAL_PREFERENCE_ACCURACY, MetricName};
use tch::Tensor;
use verifiers::split_thinking;

use crate::checkpoint::{Component, OPTIMIZER, Position};
use crate::config::RewardModelRun;
use crate::failure::Interrupted;
use crate::interrupt::Interrupt;
use crate::learner::trainable;
use crate::model_thread::ModelThread;
use crate::open_run::{Entry, OpenRun};
use crate::progress::Progress;
use crate::prompt::PromptFormat;
use crate::prompt_check::at_line;
use crate::run::inputs::resolve_links;
use learner::optimizer::adamw::AdamW;
use learner::optimizer::gradient_norm::{clip_by_global_norm, gradients};
use learner::optimizer::schedule::Schedule;
use learner::preference::preference_loss;
use learner::token_split::split_by_tokens;

/// Ids of a pair: the conversation with the chosen and with the rejected answer.
struct PairIds {
    chosen: Vec<u32>,
    rejected: Vec<u32>,
}

/// State of the model's thread: the reward model and its optimizer.
struct Scorer {
    model: RewardModel,
    adamw: AdamW,
    parameters: NamedTensors,
}

/// Trains a reward model from its configuration to its last checkpoint.
///
/// # Errors
/// The input is bad, the disk is full, or the user interrupts.
pub(crate) async fn train_reward_model(mut config: RewardModelRun, entry: Entry, interrupt: Interrupt) -> Result<()> {
    config.validate()?;
    resolve_links(&mut config);
    let schedule = config.schedule()?;
    let placement = config.run.resolve()?;
    let train = read_preferences(&config.preferences.train)?;
    let eval = read_preferences(&config.preferences.eval)?;
    let (mut run, resume_from) = OpenRun::open(&config, placement, entry)?;
    let (start, adamw) = (config.model.path.clone(), config.optimizer.clone());
    let model = ModelThread::start(move || {
        let model = match &resume_from {
            Some(checkpoint) => RewardModel::load(checkpoint.folder(), placement)?,
            None => RewardModel::from_policy_folder(&start, placement)?,
        };
        let parameters = trainable(model.parameters());
        let mut scorer = Scorer { model, adamw: AdamW::new(adamw)?, parameters };
        if let Some(checkpoint) = &resume_from {
            checkpoint.load_optimizer(OPTIMIZER, &mut scorer.adamw, &scorer.parameters)?;
        }
        Ok(scorer)
    })
    .await?;
    let prompt = config.prompt.clone();
    let (train_path, eval_path) = (config.preferences.train.clone(), config.preferences.eval.clone());
    let (train, eval): (Vec<PairIds>, Vec<PairIds>) = model
        .run(move |scorer| {
            let format = PromptFormat::new(&scorer.model.chat_template, &scorer.model.tokenizer, &prompt)?;
            let ids = |path: &Path, pairs: &[PreferencePair]| {
                let ids = |pair: &PreferencePair| {
                    pair_ids(&format, pair).map_err(|error| at_line(path, "pair", &pair.id, &error))
                };
                pairs.par_iter().map(ids).collect::<Result<Vec<_>>>()
            };
            anyhow::Ok((ids(&train_path, &train)?, ids(&eval_path, &eval)?))
        })
        .await??;
    let (train, eval) = (Arc::new(train), Arc::new(eval));

    let steps = config.update.steps;
    let progress = Progress::new("reward model", steps);
    if run.step == 0 {
        let mut metrics = Metrics::new();
        metrics.set(EVAL_PREFERENCE_ACCURACY, accuracy(&model, &eval, config.update.micro_batch_tokens).await?);
        run.record(&metrics)?;
    }
    let _finishing = interrupt.finish_steps()?;
    while run.step < steps {
        let started = Instant::now();
        let step = run.step;
        let order = epoch_order(train.len(), &config, step);
        let mut metrics = model
            .run({
                let (train, config, schedule) = (train.clone(), config.clone(), schedule.clone());
                move |scorer| {
                    learn(scorer, &order.iter().map(|i| &train[*i]).collect::<Vec<_>>(), &config, &schedule, step)
                }
            })
            .await??;
        run.step += 1;
        let every = config.update.eval_every;
        if (every > 0 && run.step.is_multiple_of(every)) || run.step == steps {
            metrics.set(EVAL_PREFERENCE_ACCURACY, accuracy(&model, &eval, config.update.micro_batch_tokens).await?);
        }
        metrics.set(names::TIME_STEP, started.elapsed().as_secs_f64());
        run.record(&metrics)?;
        let every = config.checkpoint.every;
        let stop = interrupt.is_asked();
        if (every > 0 && run.step.is_multiple_of(every)) || run.step == steps || stop {
            save(&model, &run, config.checkpoint.keep).await?;
        }
        let show = |metric: MetricName| metrics.get(metric.name).unwrap_or(f64::NAN);
        progress.step(
            run.step,
            &format!("loss {:.4}  accuracy {:.2}", show(names::PREFERENCE_LOSS), show(names::PREFERENCE_ACCURACY)),
        );
        if stop && run.step < steps {
            return Err(Interrupted.into());
        }
        if run.step == steps {
            progress.finish(&format!(
                "accuracy on {} held-out pairs {:.3}",
                eval.len(),
                show(EVAL_PREFERENCE_ACCURACY)
            ));
        }
    }
    Ok(())
}

/// Writes the checkpoint of the step. A step is one update, and its pairs follow from its number.
async fn save(model: &ModelThread<Scorer>, run: &OpenRun, keep: usize) -> Result<()> {
    let (checkpoints, step) = (run.checkpoints(keep), run.step);
    model
        .run(move |scorer| {
            let position = Position { step, num_updates: step, policy_version: step, data: () };
            let components = [
                Component::model("reward_model", |path| Ok(scorer.model.save(path)?)),
                Component::optimizer(OPTIMIZER, &scorer.adamw, &scorer.parameters),
            ];
            checkpoints.save(&position, &components)
        })
        .await?
}

fn pair_ids(format: &PromptFormat<'_>, pair: &PreferencePair) -> Result<PairIds> {
    let ids = |answer: &str| {
        format.answered_ids(pair.into(), split_thinking(answer, false).answer.unwrap_or_default().trim())
    };
    Ok(PairIds { chosen: ids(&pair.chosen)?, rejected: ids(&pair.rejected)? })
}

/// Places of the pairs of a step; each epoch is a permutation keyed by the seed and the epoch.
fn epoch_order(num_pairs: usize, config: &RewardModelRun, step: u64) -> Vec<usize> {
    let per_step = config.preferences.per_step as u64;
    let places = step * per_step..(step + 1) * per_step;
    random::shuffled_places(num_pairs, &[config.run.seed.into(), "preferences".into()], places)
}

/// Scores of the chosen and of the rejected answers, `[pairs]` each.
fn scores(model: &RewardModel, pairs: &[&PairIds]) -> (Tensor, Tensor) {
    let sequences: Vec<&[u32]> = pairs
        .iter()
        .map(|pair| pair.chosen.as_slice())
        .chain(pairs.iter().map(|pair| pair.rejected.as_slice()))
        .collect();
    let lengths: Vec<usize> = sequences.iter().map(|ids| ids.len()).collect();
    let ids: Vec<i64> = sequences.concat().into_iter().map(i64::from).collect();
    let ids = Tensor::from_slice(&ids).to_device(model.decoder.device());
    let scores = model.score(&ids, &lengths);
    let num_pairs = pairs.len() as i64;
    (scores.narrow(0, 0, num_pairs), scores.narrow(0, num_pairs, num_pairs))
}

fn learn(
    scorer: &mut Scorer,
    pairs: &[&PairIds],
    config: &RewardModelRun,
    schedule: &Schedule,
    step: u64,
) -> Result<Metrics> {
    let num_pairs = pairs.len() as i64;
    let (mut loss, mut num_correct, mut gap) = (0.0, 0, 0.0);
    for piece in split_by_tokens(pairs, config.update.micro_batch_tokens, |pair| pair_tokens(pair)) {
        let (chosen, rejected) = scores(&scorer.model, piece);
        let output = preference_loss(&chosen, &rejected, None, &config.loss, num_pairs);
        output.loss.backward();
        loss += output.loss.double_value(&[]);
        num_correct += output.num_correct;
        gap += output.score_gap_sum;
    }
    let norm = clip_by_global_norm(&mut gradients(&scorer.parameters), config.optimizer.max_gradient_norm);
    let lr = schedule.rate(step);
    if norm.is_finite() {
        scorer.adamw.step(&mut scorer.parameters, lr)?;
    } else {
        tracing::warn!("the gradient is not finite: this update is skipped");
    }
    for (_, tensor) in &mut scorer.parameters {
        tensor.zero_grad();
    }
    let mut metrics = Metrics::new();
    metrics.set(names::PREFERENCE_LOSS, loss);
    metrics.set(names::PREFERENCE_ACCURACY, num_correct as f64 / num_pairs as f64);
    metrics.set(names::PREFERENCE_SCORE_GAP, gap / num_pairs as f64);
    metrics.set(names::POLICY_GRADIENT_NORM, norm);
    metrics.set(names::POLICY_LR, lr);
    Ok(metrics)
}

fn pair_tokens(pair: &PairIds) -> usize {
    pair.chosen.len() + pair.rejected.len()
}

/// Share of the held-out pairs whose chosen answer scores higher.
async fn accuracy(model: &ModelThread<Scorer>, pairs: &Arc<Vec<PairIds>>, max_tokens: usize) -> Result<f64> {
    let pairs = pairs.clone();
    model
        .run(move |scorer| {
            tch::no_grad(|| {
                let all: Vec<&PairIds> = pairs.iter().collect();
                let correct: f64 = split_by_tokens(&all, max_tokens, |pair| pair_tokens(pair))
                    .into_iter()
                    .map(|piece| {
                        let (chosen, rejected) = scores(&scorer.model, piece);
                        chosen.gt_tensor(&rejected).sum(tch::Kind::Double).double_value(&[])
                    })
                    .sum();
                correct / pairs.len().max(1) as f64
            })
        })
        .await
}
