//! `trainer --stage 1|2`: from a configuration to a trainer that is ready to step.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use datasets::{CursorState, Mixture, Source, Task, TaskCursor};
use learner::learner::Learner;
use learner::trainable::{Actor, Trainable};
use policy::{Placement, Policy, RewardModel, ScalarHead, Texts};
use random::KeyedRng;

use crate::cheap::say_cheap_shares;
use crate::checkpoint::{Checkpoint, Position};
use crate::collect::{Carried, Collector, Sampling};
use crate::config::{CriticStart, ReinforceRun};
use crate::evaluation::Evaluation;
use crate::evaluation_table::say_evaluation_table;
use crate::failure::Usage;
use crate::interrupt::Interrupt;
use crate::judge::Judge;
use crate::open_run::{Entry, OpenRun};
use crate::origin::{SourceRecords, data_source, tasks_of};
use crate::patience::Patience;
use crate::prompt::PromptFormat;
use crate::prompt_check::{PromptCheck, check_answers, load_texts};
use crate::ranks::{HostServers, MetRun, Models, Start, Team, run_on_ranks};
use crate::run::run_loop::run_steps;
use crate::run::run_manifest::OnChange;
use crate::service_watch::ServiceWatch;
use crate::tools::ToolBox;
use crate::train::Trainer;
use crate::worker::{ModelState, ModelWorker, Plans};

/// Runs a stage to its last checkpoint; on another rank than the first, what that has it do.
///
/// # Errors
/// The input is bad, the disk is full, a rank is gone, or the user interrupts.
pub(crate) async fn run_stage(stage: u8, config: ReinforceRun, entry: Entry, interrupt: Interrupt) -> Result<()> {
    config.validate(stage)?;
    let load = |config: &ReinforceRun, models: Models<'_>, start: &Start| {
        state(config, stage, models, start.resume_from.as_deref())
    };
    let held = entry.held_commits(&config.run.dir);
    run_on_ranks(config, held, &interrupt, async |run| lead(stage, run, entry, interrupt.clone()).await, load).await
}

/// Runs a stage on the rank that decides.
async fn lead(stage: u8, run: MetRun<ReinforceRun>, entry: Entry, interrupt: Interrupt) -> Result<()> {
    let MetRun { config, placement, identity, team } = run;
    config.validate_place(placement, team.as_ref().map_or(1, |team| team.environment().world_size))?;
    config.notes().iter().for_each(|note| tracing::warn!("{note}"));
    let (rollout, seed) = (&config.rollout, config.run.seed);
    let texts = Arc::new(load_texts(config.model.path()?, &config.prompt)?);
    let check = PromptCheck::new(&texts, &config.prompt, &rollout.engine, rollout.max_new_tokens)?;
    let scorer_texts = (stage == 2)
        .then(|| Texts::load(&config.reward_model.path).map(Arc::new).context("reward_model.path"))
        .transpose()?;
    let scorer = scorer_texts.as_ref().map(|texts| PromptFormat::of_texts(texts, &config.prompt)).transpose()?;
    let mut evaluation = Evaluation::new(&config.eval, &config.prompt, rollout.max_new_tokens, seed)?;
    let hosts = HostServers::await_all(team.as_ref(), &config.sandbox).await?;
    let judge = Arc::new(Judge::start(&config.verifiers, &config.reward, &config.sandbox, hosts).await?);
    let tools = ToolBox::of_section(&rollout.tools, judge.client(), &texts, &config.prompt)
        .map_err(|error| Usage::error(format!("rollout.tools: {error:#}")))?
        .map(Arc::new);
    let (mixture, num_prompts_dropped) = mixture(&config, &check, scorer.as_ref(), &judge, tools.as_deref()).await?;
    if let Some(tools) = tools.as_ref().filter(|_| config.eval.tools) {
        evaluation.offer(tools);
    }
    let num_prompts_dropped = num_prompts_dropped + evaluation.check_prompts(&texts, &rollout.engine)?;
    evaluation.check(&judge).await?;

    let (mut run, resume_from) = OpenRun::open(&config, identity, entry)?;
    run.announce(team.as_ref(), resume_from.as_ref(), &config.model.path)?;
    if resume_from.is_none() {
        let trained = mixture.sources().iter().map(|source| (source.name.as_str(), source.tasks.to_vec()));
        let sources = trained.chain(evaluation.tasks()).collect();
        say_cheap_shares(sources, &judge, &config.verifiers, config.eval.cheap_sample, &interrupt).await?;
    }
    let checkpoint = resume_from.as_ref().map(|checkpoint| checkpoint.folder().to_owned());
    let (worker, position) = load(&config, stage, placement, team, resume_from).await?;
    let tasks = match position {
        Some(position) => resumed_tasks(mixture, CursorState { seed, ..position.data }, entry.on_change())?,
        None => TaskCursor::new(mixture, seed),
    };
    let params = rollout.params(KeyedRng::new(&[seed.into(), "rollout".into()]).next_u64());
    let sampling = Sampling {
        params: Arc::new(params),
        samples_per_prompt: rollout.samples_per_prompt,
        prompt: config.prompt.clone(),
        tools,
        turn_lag: rollout.tools.lag,
    };
    let carried = match checkpoint.filter(|_| config.rollout.partial.is_some()) {
        Some(checkpoint) => Carried::load(&checkpoint, &tasks)?,
        None => Carried::default(),
    };
    let services = ServiceWatch::new(config.verifiers.max_steps_unavailable);
    let patience = Some(Patience::new(config.verifiers.pause_minutes, interrupt.clone()));
    let (judge_of_run, interrupt_of_run) = (judge.clone(), interrupt.clone());
    let collector =
        Collector { worker, texts, scorer_texts, judge: judge_of_run, patience, interrupt: interrupt_of_run };
    let calendar = config.calendar();
    let carried = Arc::new(carried);
    let mut trainer =
        Trainer { config, collector, tasks, carried, sampling, evaluation, num_prompts_dropped, services };
    let result = run_steps(&mut trainer, &mut run, &calendar, &interrupt, &format!("stage {stage}")).await;
    drop(trainer);
    if let Some(judge) = Arc::into_inner(judge) {
        judge.stop().await;
    }
    result?;
    say_evaluation_table(&run)?;
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
    tools: Option<&ToolBox>,
) -> Result<(Mixture, usize)> {
    let mut num_dropped = 0;
    let mut origins = BTreeSet::new();
    let mut sources = Vec::with_capacity(config.data.source.len());
    for source in &config.data.source {
        let name = source.name();
        let SourceRecords { mut records, origin, .. } = tasks_of(&data_source(source))?;
        records.iter_mut().for_each(|task| tools.into_iter().for_each(|tools| tools.offer(task)));
        let (mut tasks, dropped) = check.keep(&origin, records)?;
        num_dropped += dropped;
        if let Some(scorer) = scorer {
            let scored: Vec<&Task> = tasks.iter().filter(|task| judge.is_scored(task)).collect();
            check_answers(scorer, &origin, &scored)?;
        }
        for task in &mut tasks {
            task.source.get_or_insert_with(|| name.clone());
            judge.add_term_verifiers(task);
        }
        judge.check(&origin, &tasks.iter().collect::<Vec<_>>()).await?;
        judge.check_fields(&origin, &tasks)?;
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
        let model = RewardModel::load(&config.reward_model.path, models).context("reward_model.path")?;
        state = state.with_scorer(model, config.update.micro_batch_tokens);
    }
    let mut state = state.on(models.team)?;
    if let Some(checkpoint) = resume_from {
        state.load_beside_policy(checkpoint)?;
    }
    Ok(state)
}

/// Policy, critic and reference as the run begins; the policy is loaded from `resume_from` where that is there.
fn learner(config: &ReinforceRun, models: Models<'_>, resume_from: Option<&Path>) -> Result<Learner> {
    let start = &config.model.path;
    let mut policy = Policy::load(resume_from.unwrap_or(start), models)?;
    policy.decoder.set_numerics(config.rollout.numerics)?;
    let hidden_size = policy.decoder.config().hidden_size;
    let critic = config.critic();
    let shared = critic.as_ref().is_some_and(|critic| critic.shared_trunk);
    let value_head = shared.then(|| ScalarHead::zeros(hidden_size, models.placement.device));
    let vocab_size = policy.decoder.config().vocab_size;
    let actor = Actor { policy, value_head };
    let mut learner = Learner::of(Trainable::new(actor, &config.optimizer, config.schedule()?)?);
    if config.loss.kl_coefficient != 0.0 {
        let mut reference = Policy::load(start, models).context("the reference")?.decoder;
        reference.set_numerics(config.rollout.numerics)?;
        learner.reference = Some(reference);
    }
    if let Some(critic) = critic.filter(|_| !shared) {
        let model = match critic.start {
            CriticStart::Policy => RewardModel::from_policy_folder(start, models).context("critic.start")?,
            CriticStart::RewardModel => RewardModel::load(&config.reward_model.path, models)?,
            CriticStart::Folder => {
                RewardModel::load_any(critic.path.as_deref().unwrap_or(start), models).context("critic.path")?
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
        learner.critic = Some(Trainable::new(model, &critic.optimizer, config.critic_schedule(&critic)?)?);
    }
    Ok(learner)
}
