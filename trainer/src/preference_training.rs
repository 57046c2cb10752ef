//! `trainer reward-model`: a scalar head on the decoder, trained on pairs by the Bradley-Terry loss.
//!
//! The answers of a pair are read without their thinking, as in stage 2.

use std::path::Path;

use anyhow::{Result, bail};
use datasets::PreferencePair;
use learner::objective::preference::{PairIds, PreferencePlan};
use learner::trainable::Trainable;
use policy::{RewardModel, Texts};
use rayon::prelude::*;
use record::metrics::Metrics;
use record::names::{self, EVAL_PREFERENCE_ACCURACY, MetricName};
use verifiers::split_thinking;

use crate::checkpoint::Checkpoint;
use crate::config::{RewardModelRun, SourceSection};
use crate::interrupt::Interrupt;
use crate::open_run::{Entry, OpenRun};
use crate::origin::{SourceRecords, data_source, preferences_of};
use crate::prompt::PromptFormat;
use crate::ranks::{MetRun, Models, Start, run_on_ranks};
use crate::run::run_loop::{Stage, StepOutcome, run_steps};
use crate::skipped_update;
use crate::walk::{Walk, WalkSource};
use crate::worker::{ModelCommand, ModelEvent, ModelState, ModelWorker, Plans};

/// A reward model's training that is ready to step.
struct PreferenceTraining {
    config: RewardModelRun,
    worker: ModelWorker,
    train: Walk<PairIds>,
    eval: Vec<PairIds>,
}

/// Trains a reward model from its configuration to its last checkpoint; on another rank than the first, what that has
/// it do.
///
/// # Errors
/// The input is bad, the disk is full, a rank is gone, or the user interrupts.
pub(crate) async fn train_reward_model(config: RewardModelRun, entry: Entry, interrupt: Interrupt) -> Result<()> {
    config.validate()?;
    let load = |config: &RewardModelRun, models: Models<'_>, start: &Start| {
        state(config, models, start.resume_from.as_deref())
    };
    let held = entry.held_commits(&config.run.dir);
    run_on_ranks(config, held, &interrupt, async |run| lead(run, entry, interrupt.clone()).await, load).await
}

/// Trains a reward model on the rank that decides.
async fn lead(run: MetRun<RewardModelRun>, entry: Entry, interrupt: Interrupt) -> Result<()> {
    let MetRun { config, placement, identity, team } = run;
    let texts = Texts::load(config.model.path()?)?;
    let format = PromptFormat::of_texts(&texts, &config.prompt)?;
    let read = |source: &SourceSection| -> Result<Vec<PairIds>> {
        let SourceRecords { records, origin, .. } = preferences_of(&data_source(source))?;
        let ids =
            |pair: &PreferencePair| pair_ids(&format, pair).map_err(|error| origin.error("pair", &pair.id, &error));
        records.par_iter().map(ids).collect()
    };
    let walked = |source: SourceSection| -> Result<WalkSource<PairIds>> {
        Ok(WalkSource { name: source.name(), weight: source.weight, items: read(&source)? })
    };
    let train = config.sources()?.into_iter().map(walked).collect::<Result<Vec<_>>>()?;
    let train = Walk::new(train, config.run.seed, "preferences");
    let eval = read(&config.preferences.eval.0)?;
    let (mut run, resume_from) = OpenRun::open(&config, identity, entry)?;
    run.announce(team.as_ref(), resume_from.as_ref(), &config.model.path)?;
    let of_thread = config.clone();
    let (worker, ()) = ModelWorker::start_on(team, move |team| {
        let resume_from = resume_from.as_ref().map(Checkpoint::folder);
        Ok((state(&of_thread, Models { team, placement }, resume_from)?, ()))
    })
    .await?;
    let calendar = config.calendar();
    let mut stage = PreferenceTraining { config, worker, train, eval };
    run_steps(&mut stage, &mut run, &calendar, &interrupt, "reward model").await
}

/// What the model's thread of a rank owns, as the run begins or goes on.
fn state(config: &RewardModelRun, models: Models<'_>, resume_from: Option<&Path>) -> Result<ModelState> {
    let model = RewardModel::from_policy_folder(&config.model.path, models)?;
    let scorer = Trainable::new(model, &config.optimizer, config.schedule()?)?;
    let plan = PreferencePlan {
        micro_batch_tokens: config.update.micro_batch_tokens,
        recompute: config.update.recompute,
        loss: config.loss.clone(),
    };
    let plans = Plans { preference: Some(plan), ..Plans::default() };
    let mut state = ModelState::of_reward_model(scorer, plans).on(models.team)?;
    if let Some(checkpoint) = resume_from {
        state.load(checkpoint)?;
    }
    Ok(state)
}

impl Stage for PreferenceTraining {
    type Data = ();

    async fn step(&mut self, run: &OpenRun, step: u64) -> Result<StepOutcome> {
        let per_step = self.config.preferences.per_step;
        let pairs: Vec<PairIds> = self.train.batch(step - 1, per_step).into_iter().cloned().collect();
        let command = ModelCommand::LearnPairs { step: step - 1, pairs: pairs.clone() };
        let ModelEvent::LearnedPairs(outcome) = self.worker.ask(command).await? else {
            bail!("the model's thread did not learn the pairs that it was given");
        };
        if !outcome.step.applied {
            skipped_update::write_down(run, step, "reward_model", 0, &skipped_update::rows_of_pairs(&pairs))?;
        }
        let mut metrics = Metrics::new();
        metrics.set(names::PREFERENCE_LOSS, outcome.loss);
        metrics.set(names::PREFERENCE_ACCURACY, outcome.accuracy);
        metrics.set(names::PREFERENCE_SCORE_GAP, outcome.score_gap);
        metrics.set(names::POLICY_GRADIENT_NORM, outcome.step.gradient_norm);
        metrics.set(names::POLICY_LR, outcome.step.lr);
        Ok(StepOutcome { metrics, skipped_in_a_row: outcome.step.skipped_in_a_row })
    }

    async fn evaluate(&mut self, _run: &OpenRun, _step: u64) -> Result<Metrics> {
        let ModelEvent::Compared { accuracy } =
            self.worker.ask(ModelCommand::ComparePairs { pairs: self.eval.clone() }).await?
        else {
            bail!("the model's thread did not compare the held-out pairs");
        };
        let mut metrics = Metrics::new();
        metrics.set(EVAL_PREFERENCE_ACCURACY, accuracy);
        Ok(metrics)
    }

    fn data(&self) {}

    fn worker(&self) -> &ModelWorker {
        &self.worker
    }

    fn line(&self, metrics: &Metrics) -> String {
        let show = |metric: MetricName| metrics.get(metric.name).unwrap_or(f64::NAN);
        let held_out = match metrics.get(EVAL_PREFERENCE_ACCURACY.name) {
            Some(accuracy) => format!("  on {} held-out pairs {accuracy:.3}", self.eval.len()),
            None => String::new(),
        };
        let (loss, accuracy) = (show(names::PREFERENCE_LOSS), show(names::PREFERENCE_ACCURACY));
        format!("loss {loss:.4}  accuracy {accuracy:.2}{held_out}")
    }
}

fn pair_ids(format: &PromptFormat<'_>, pair: &PreferencePair) -> Result<PairIds> {
    let ids = |answer: &str| {
        format.answered_ids(pair.into(), split_thinking(answer, false).answer.unwrap_or_default().trim())
    };
    Ok(PairIds { chosen: ids(&pair.chosen)?, rejected: ids(&pair.rejected)? })
}
