//! `trainer --stage 1|2`: from a configuration to a trainer that is ready to step.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use datasets::{CursorState, Mixture, Source, Task, TaskCursor, read_tasks};
use policy::{Placement, Policy, RewardModel, Texts};
use rollout::SamplingParams;

use crate::checkpoint::{Checkpoint, OPTIMIZER, Position};
use crate::collector::Collector;
use crate::config::ReinforceRun;
use crate::evaluation::Evaluation;
use crate::group::Sampling;
use crate::interrupt::Interrupt;
use crate::judge::Judge;
use crate::learner::Learner;
use crate::model_thread::ModelThread;
use crate::open_run::{Entry, OpenRun};
use crate::prompt::PromptFormat;
use crate::prompt_check::{PromptCheck, check_answers, load_texts};
use crate::run::inputs::resolve_links;
use crate::run::run_manifest::OnChange;
use crate::service_watch::ServiceWatch;
use crate::train::Trainer;
use crate::update::UpdatePlan;

/// Runs a stage to its last checkpoint.
///
/// # Errors
/// The input is bad, the disk is full, or the user interrupts.
pub(crate) async fn run_stage(stage: u8, mut config: ReinforceRun, entry: Entry, interrupt: Interrupt) -> Result<()> {
    config.validate(stage)?;
    resolve_links(&mut config);
    let placement = config.run.resolve()?;
    let (rollout, seed) = (&config.rollout, config.run.seed);
    let texts = load_texts(config.model.path()?, &config.prompt)?;
    let check = PromptCheck::new(&texts, &config.prompt, &rollout.engine, rollout.max_new_tokens)?;
    let scorer =
        (stage == 2).then(|| Texts::load(&config.reward_model.path).context("reward_model.path")).transpose()?;
    let scorer = scorer.as_ref().map(|texts| PromptFormat::of_texts(texts, &config.prompt)).transpose()?;
    let mut evaluation = Evaluation::new(&config.eval, &config.prompt, &rollout.engine, rollout.max_new_tokens, seed)?;
    let judge = Judge::start(&config.verifiers, &config.reward, &config.sandbox).await?;
    let (mixture, num_prompts_dropped) = mixture(&config, &check, scorer.as_ref(), &judge).await?;
    let num_prompts_dropped = num_prompts_dropped + evaluation.check_prompts(&texts)?;
    evaluation.check(&judge).await?;

    let (run, resume_from) = OpenRun::open(&config, placement, entry)?;
    let (model, position) = load(&config, stage, placement, resume_from).await?;
    let tasks = match position {
        Some(position) => resumed_tasks(mixture, CursorState { seed, ..position.data }, entry.on_change())?,
        None => TaskCursor::new(mixture, seed),
    };
    let params = SamplingParams {
        temperature: rollout.temperature,
        max_new_tokens: rollout.max_new_tokens,
        ..SamplingParams::default()
    };
    let sampling = Sampling {
        params,
        engine: rollout.engine.clone(),
        samples_per_prompt: rollout.samples_per_prompt,
        prompt: config.prompt.clone(),
    };
    let plan = UpdatePlan {
        section: config.update.clone(),
        loss: config.loss.clone(),
        temperature: rollout.temperature,
        schedule: config.schedule()?,
        max_gradient_norm: config.optimizer.max_gradient_norm,
    };
    let judge = Arc::new(judge);
    let services = ServiceWatch::new(config.verifiers.max_steps_unavailable);
    let collector = Collector { model, judge: judge.clone(), interrupt };
    let mut trainer = Trainer { collector, tasks, sampling, plan, evaluation, num_prompts_dropped, run, services };
    let result = trainer.run(&config, &format!("stage {stage}")).await;
    drop(trainer);
    if let Some(judge) = Arc::into_inner(judge) {
        judge.stop().await;
    }
    result
}

/// The walk over the tasks from where the run left it. Over other tasks than before, once they are accepted, it begins
/// again.
fn resumed_tasks(mixture: Mixture, state: CursorState, on_change: OnChange) -> Result<TaskCursor> {
    match (TaskCursor::resume(mixture.clone(), &state), on_change) {
        (Err(error), OnChange::Accept) => {
            tracing::warn!("the walk over the tasks begins again: {error}");
            Ok(TaskCursor::new(mixture, state.seed))
        }
        (resumed, _) => Ok(resumed?),
    }
}

/// The training tasks whose prompts fit the model, each checked so that it can be judged, and the number of those
/// dropped because theirs do not fit. `scorer` is the reward model's format, where there is one.
async fn mixture(
    config: &ReinforceRun,
    check: &PromptCheck<'_>,
    scorer: Option<&PromptFormat<'_>>,
    judge: &Judge,
) -> Result<(Mixture, usize)> {
    let mut num_dropped = 0;
    let mut origins = BTreeSet::new();
    let mut sources = Vec::with_capacity(config.data.len());
    for source in &config.data {
        let name = source.name();
        let (mut tasks, dropped) = check.keep(&source.path, read_tasks(&source.path)?)?;
        num_dropped += dropped;
        if let Some(scorer) = scorer {
            let scored: Vec<&Task> = tasks.iter().filter(|task| judge.is_scored(task)).collect();
            check_answers(scorer, &source.path, &scored)?;
        }
        for task in &mut tasks {
            task.source.get_or_insert_with(|| name.clone());
            judge.add_term_verifiers(task);
        }
        judge.check(&source.path, &tasks.iter().collect::<Vec<_>>()).await?;
        judge.check_fields(&source.path, &tasks)?;
        origins.extend(tasks.iter().filter_map(|task| task.source.clone()));
        sources.push(Source::new(name, tasks, source.weight));
    }
    judge.check_sources(&origins)?;
    Ok((Mixture::new(sources)?, num_dropped))
}

/// Starts the model's thread with all that the stage needs on it; returns also the place of a resumed run.
async fn load(
    config: &ReinforceRun,
    stage: u8,
    placement: Placement,
    resume_from: Option<Checkpoint>,
) -> Result<(ModelThread<Learner>, Option<Position<CursorState>>)> {
    let start = config.model.path.clone();
    let adamw = config.optimizer.clone();
    let needs_reference = config.loss.kl_coefficient != 0.0;
    let reward_model = (stage == 2).then(|| config.reward_model.path.clone());
    let (sender, receiver) = std::sync::mpsc::channel();
    let model = ModelThread::start(move || {
        let from: &Path = resume_from.as_ref().map_or(&start, Checkpoint::folder);
        let mut learner = Learner::load(from, placement)?.with_optimizer(&adamw)?;
        if needs_reference {
            learner.reference = Some(Policy::load(&start, placement).context("the reference")?.decoder);
        }
        if let Some(folder) = reward_model {
            learner.reward_model = Some(RewardModel::load(&folder, placement).context("reward_model.path")?);
        }
        let position = match (&resume_from, &mut learner.optimizer) {
            (Some(checkpoint), Some((adamw, parameters))) => {
                checkpoint.load_optimizer(OPTIMIZER, adamw, parameters)?;
                let position: Position<CursorState> = checkpoint.position()?;
                learner.policy_version = position.policy_version;
                learner.num_updates = position.num_updates;
                Some(position)
            }
            _ => None,
        };
        let _ = sender.send(position); // the receiver waits below
        Ok(learner)
    })
    .await?;
    Ok((model, receiver.recv().context("the model's thread ended while it loaded")?))
}
