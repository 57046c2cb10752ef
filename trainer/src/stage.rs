//! `trainer --stage 1|2`: from a configuration to a trainer that is ready to step.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use datasets::{CursorState, Mixture, Source, Task, TaskCursor, read_tasks};
use learner::learner::Learner;
use learner::trainable::{Actor, Trainable};
use policy::{Placement, RewardModel, ScalarHead, Texts};
use random::KeyedRng;
use rollout::SamplingParams;

use crate::checkpoint::{Checkpoint, Position};
use crate::collect::{Collector, Sampling};
use crate::config::{CriticStart, ReinforceRun};
use crate::evaluation::Evaluation;
use crate::evaluation_table::evaluation_table;
use crate::failure::Usage;
use crate::interrupt::Interrupt;
use crate::judge::Judge;
use crate::open_run::{Entry, OpenRun};
use crate::patience::Patience;
use crate::prompt::PromptFormat;
use crate::prompt_check::{PromptCheck, check_answers, load_texts};
use crate::ranks::{HostServers, Models, Start, Team, meet, run_part};
use crate::run::identity::RunIdentity;
use crate::run::inputs::resolve_links;
use crate::run::run_loop::run_steps;
use crate::run::run_manifest::OnChange;
use crate::service_watch::ServiceWatch;
use crate::train::Trainer;
use crate::worker::{ModelState, ModelWorker, Plans};

/// Runs a stage to its last checkpoint; on another rank than the first, what that has it do.
///
/// # Errors
/// The input is bad, the disk is full, a rank is gone, or the user interrupts.
pub(crate) async fn run_stage(stage: u8, mut config: ReinforceRun, entry: Entry, interrupt: Interrupt) -> Result<()> {
    config.validate(stage)?;
    resolve_links(&mut config);
    let placement = config.run.resolve()?;
    let identity = RunIdentity::of(&config, placement)?;
    let team = meet(&config.parallel, placement.device, &identity, &interrupt).await?;
    let (grace, followed, asked) = (config.calendar().grace, config.clone(), interrupt.clone());
    let load = |team: &Team, start: &Start| {
        let models = Models { team: Some(team), placement };
        state(&followed, stage, models, start.resume_from.as_deref())
    };
    let lead = async |team| lead(stage, config, placement, identity, team, entry, interrupt).await;
    run_part(team, &asked, grace, Some(&followed.sandbox), lead, load).await
}

/// Runs a stage on the rank that decides.
async fn lead(
    stage: u8,
    config: ReinforceRun,
    placement: Placement,
    identity: RunIdentity,
    team: Option<Team>,
    entry: Entry,
    interrupt: Interrupt,
) -> Result<()> {
    config.notes().iter().for_each(|note| tracing::warn!("{note}"));
    let (rollout, seed) = (&config.rollout, config.run.seed);
    let texts = load_texts(config.model.path()?, &config.prompt)?;
    let check = PromptCheck::new(&texts, &config.prompt, &rollout.engine, rollout.max_new_tokens)?;
    let scorer_texts = (stage == 2)
        .then(|| Texts::load(&config.reward_model.path).map(Arc::new).context("reward_model.path"))
        .transpose()?;
    let scorer = scorer_texts.as_ref().map(|texts| PromptFormat::of_texts(texts, &config.prompt)).transpose()?;
    let mut evaluation = Evaluation::new(&config.eval, &config.prompt, rollout.max_new_tokens, seed)?;
    let hosts = HostServers::await_all(team.as_ref(), &config.sandbox).await?;
    let judge = Judge::start(&config.verifiers, &config.reward, &config.sandbox, hosts).await?;
    let (mixture, num_prompts_dropped) = mixture(&config, &check, scorer.as_ref(), &judge).await?;
    let num_prompts_dropped = num_prompts_dropped + evaluation.check_prompts(&texts, &rollout.engine)?;
    evaluation.check(&judge).await?;

    let (mut run, resume_from) = OpenRun::open(&config, identity, entry)?;
    run.announce(team.as_ref(), resume_from.as_ref(), &config.model.path)?;
    let (worker, position) = load(&config, stage, placement, team, resume_from).await?;
    let tasks = match position {
        Some(position) => resumed_tasks(mixture, CursorState { seed, ..position.data }, entry.on_change())?,
        None => TaskCursor::new(mixture, seed),
    };
    let params = SamplingParams {
        temperature: rollout.temperature,
        max_new_tokens: rollout.max_new_tokens,
        seed: KeyedRng::new(&[seed.into(), "rollout".into()]).next_u64(),
        ..SamplingParams::default()
    };
    let sampling = Sampling {
        params: Arc::new(params),
        samples_per_prompt: rollout.samples_per_prompt,
        prompt: config.prompt.clone(),
    };
    let judge = Arc::new(judge);
    let services = ServiceWatch::new(config.verifiers.max_steps_unavailable);
    let texts = Arc::new(texts);
    let patience = Some(Patience::new(config.verifiers.pause_minutes, interrupt.clone()));
    let (judge_of_run, interrupt_of_run) = (judge.clone(), interrupt.clone());
    let collector =
        Collector { worker, texts, scorer_texts, judge: judge_of_run, patience, interrupt: interrupt_of_run };
    let calendar = config.calendar();
    let mut trainer = Trainer { config, collector, tasks, sampling, evaluation, num_prompts_dropped, services };
    let result = run_steps(&mut trainer, &mut run, &calendar, &interrupt, &format!("stage {stage}")).await;
    drop(trainer);
    if let Some(judge) = Arc::into_inner(judge) {
        judge.stop().await;
    }
    result?;
    eprint!("{}", evaluation_table(&run)?);
    Ok(())
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
    team: Option<Team>,
    resume_from: Option<Checkpoint>,
) -> Result<(ModelWorker, Option<Position<CursorState>>)> {
    let position = resume_from.as_ref().map(Checkpoint::position).transpose()?;
    let config = config.clone();
    let (worker, ()) = ModelWorker::start_on(team, move |team| {
        Ok((state(&config, stage, Models { team, placement }, resume_from.as_ref().map(Checkpoint::folder))?, ()))
    })
    .await?;
    Ok((worker, position))
}

/// What the model's thread of a rank owns, as the run begins or goes on.
fn state(config: &ReinforceRun, stage: u8, models: Models<'_>, resume_from: Option<&Path>) -> Result<ModelState> {
    let learner = learner(config, models, resume_from)?;
    let plans = Plans { update: Some(config.update_plan()), ..Plans::default() };
    let mut state = ModelState::of_learner(learner, &config.rollout.engine, plans)?;
    if stage == 2 {
        let model = RewardModel::load(&config.reward_model.path, models.placement).context("reward_model.path")?;
        state = state.with_scorer(models.placed(model)?, config.update.micro_batch_tokens);
    }
    let mut state = state.on(models.team)?;
    if let Some(checkpoint) = resume_from {
        state.load_beside_policy(checkpoint)?;
    }
    Ok(state)
}

/// Policy, critic and reference as the run begins; the policy is loaded from `resume_from` where that is there.
fn learner(config: &ReinforceRun, models: Models<'_>, resume_from: Option<&Path>) -> Result<Learner> {
    let (start, placement) = (&config.model.path, models.placement);
    let policy = models.policy(resume_from.unwrap_or(start))?;
    let hidden_size = policy.decoder.config().hidden_size;
    let critic = config.critic();
    let shared = critic.as_ref().is_some_and(|critic| critic.shared_trunk);
    let value_head = shared.then(|| ScalarHead::zeros(hidden_size, placement.device));
    let vocab_size = policy.decoder.config().vocab_size;
    let actor = Actor { policy, value_head };
    let mut learner = Learner::of(Trainable::new(actor, &config.optimizer, config.schedule()?)?);
    if config.loss.kl_coefficient != 0.0 {
        learner.reference = Some(models.policy(start).context("the reference")?.decoder);
    }
    if let Some(critic) = critic.filter(|_| !shared) {
        let model = match critic.start {
            CriticStart::Policy => RewardModel::from_policy_folder(start, placement).context("critic.start")?,
            CriticStart::RewardModel => RewardModel::load(&config.reward_model.path, placement)?,
            CriticStart::Folder => {
                RewardModel::load_any(critic.path.as_deref().unwrap_or(start), placement).context("critic.path")?
            }
        };
        let critic_vocab = model.decoder.config().vocab_size;
        if critic_vocab != vocab_size {
            let problem = format!(
                "critic: its vocabulary has {critic_vocab} tokens and the policy's {vocab_size}; it must read the \
                 policy's ids"
            );
            return Err(Usage::error(problem));
        }
        let model = models.placed(model)?;
        learner.critic = Some(Trainable::new(model, &critic.optimizer, config.critic_schedule(&critic)?)?);
    }
    Ok(learner)
}
