//! `trainer reward-model`: a scalar head on the decoder, trained on pairs by the Bradley-Terry loss.
//!
//! The answers of a pair are read without their thinking, as in stage 2.

use std::path::Path;

use anyhow::{Result, bail};
use datasets::{PreferencePair, read_preferences};
use learner::objective::preference::{PairIds, PreferencePlan};
use learner::trainable::Trainable;
use policy::{Placement, RewardModel, Texts};
use rayon::prelude::*;
use record::metrics::Metrics;
use record::names::{self, EVAL_PREFERENCE_ACCURACY, MetricName};
use verifiers::split_thinking;

use crate::checkpoint::Checkpoint;
use crate::config::RewardModelRun;
use crate::interrupt::Interrupt;
use crate::open_run::{Entry, OpenRun};
use crate::prompt::PromptFormat;
use crate::prompt_check::at_line;
use crate::ranks::{Models, Start, Team, meet, run_part};
use crate::run::identity::RunIdentity;
use crate::run::inputs::resolve_links;
use crate::run::run_loop::{Stage, StepOutcome, run_steps};
use crate::skipped_update;
use crate::worker::{ModelCommand, ModelEvent, ModelState, ModelWorker, Plans};

/// A reward model's training that is ready to step.
struct PreferenceTraining {
    config: RewardModelRun,
    worker: ModelWorker,
    train: Vec<PairIds>,
    eval: Vec<PairIds>,
}

/// Trains a reward model from its configuration to its last checkpoint; on another rank than the first, what that has
/// it do.
///
/// # Errors
/// The input is bad, the disk is full, a rank is gone, or the user interrupts.
pub(crate) async fn train_reward_model(mut config: RewardModelRun, entry: Entry, interrupt: Interrupt) -> Result<()> {
    config.validate()?;
    resolve_links(&mut config);
    let placement = config.run.resolve()?;
    let identity = RunIdentity::of(&config, placement)?;
    let team = meet(&config.parallel, placement.device, &identity, &interrupt).await?;
    let (grace, followed, asked) = (config.calendar().grace, config.clone(), interrupt.clone());
    let load = |team: &Team, start: &Start| {
        state(&followed, Models { team: Some(team), placement }, start.resume_from.as_deref())
    };
    let lead = async |team| lead(config, placement, identity, team, entry, interrupt).await;
    run_part(team, &asked, grace, None, lead, load).await
}

/// Trains a reward model on the rank that decides.
async fn lead(
    config: RewardModelRun,
    placement: Placement,
    identity: RunIdentity,
    team: Option<Team>,
    entry: Entry,
    interrupt: Interrupt,
) -> Result<()> {
    let texts = Texts::load(config.model.path()?)?;
    let format = PromptFormat::of_texts(&texts, &config.prompt)?;
    let read = |path: &Path| -> Result<Vec<PairIds>> {
        let pairs = read_preferences(path)?;
        let ids =
            |pair: &PreferencePair| pair_ids(&format, pair).map_err(|error| at_line(path, "pair", &pair.id, &error));
        pairs.par_iter().map(ids).collect()
    };
    let (train, eval) = (read(&config.preferences.train)?, read(&config.preferences.eval)?);
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
    let model = models.placed(RewardModel::from_policy_folder(&config.model.path, models.placement)?)?;
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
        let places = epoch_order(self.train.len(), &self.config, step - 1);
        let pairs: Vec<PairIds> = places.iter().map(|place| self.train[*place].clone()).collect();
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

/// Places of the pairs of a step; each epoch is a permutation keyed by the seed and the epoch.
fn epoch_order(num_pairs: usize, config: &RewardModelRun, step: u64) -> Vec<usize> {
    let per_step = config.preferences.per_step as u64;
    let places = step * per_step..(step + 1) * per_step;
    random::shuffled_places(num_pairs, &[config.run.seed.into(), "preferences".into()], places)
}
