//! The loop of a stage. A step is: tasks, groups, advantages, an update.

use std::time::Instant;

use anyhow::Result;
use datasets::TaskCursor;
use record::metrics::Metrics;
use record::names;

use crate::collector::Collector;
use crate::config::ReinforceRun;
use crate::console::update_line;
use crate::evaluation::Evaluation;
use crate::evaluation_table::evaluation_table;
use crate::failure::Interrupted;
use crate::group::{Group, Sampling, SamplingCost};
use crate::open_run::OpenRun;
use crate::progress::Progress;
use crate::rollout_rows::StepRecord;
use crate::service_watch::ServiceWatch;
use crate::step_metrics::batch_metrics;
use crate::trajectory::Trajectory;
use crate::update::{UpdatePlan, update};
use crate::update_totals::UpdateOutcome;
use learner::advantages::{advantages, is_flat};

/// A stage that is ready to step.
pub(crate) struct Trainer {
    /// Samples and judges; its thread also updates the policy.
    pub collector: Collector,
    /// Place of the run among the tasks.
    pub tasks: TaskCursor,
    /// Settings of the sampling.
    pub sampling: Sampling,
    /// Settings of the update.
    pub plan: UpdatePlan,
    /// Held-out tasks.
    pub evaluation: Evaluation,
    /// Number of tasks that were dropped because their prompts are too long.
    pub num_prompts_dropped: usize,
    pub run: OpenRun,
    /// Watch over the services that verifiers need.
    pub services: ServiceWatch,
}

/// Batch of one step: the groups to learn from, and those that were left out.
#[derive(Default)]
struct Batch {
    kept: Vec<Group>,
    left_out: Vec<Group>,
    cost: SamplingCost,
    num_rounds: usize,
}

impl Trainer {
    /// Runs every step that is left.
    ///
    /// # Errors
    /// A step fails, a record cannot be written, or the user interrupts.
    pub(crate) async fn run(&mut self, config: &ReinforceRun, title: &str) -> Result<()> {
        let steps = config.update.steps;
        let progress = Progress::new(title, steps);
        if self.run.step == 0 && config.eval.at_start {
            let metrics = self.evaluate(0).await?;
            self.run.record(&metrics)?;
        }
        let _finishing = self.collector.interrupt.finish_steps()?;
        while self.run.step < steps {
            let started = Instant::now();
            let step = self.run.step + 1;
            let batch = self.collect(config, step).await?;
            let sampled = batch.kept.iter().chain(&batch.left_out).flat_map(Group::sampled);
            self.services.note(sampled.flat_map(|rollout| &rollout.judgement.verdicts))?;
            let advantages = advantages(&rewards(&batch.kept), &config.advantage);
            let trajectories =
                batch.kept.iter().zip(&advantages).flat_map(|(g, a)| Trajectory::of_group(g, a)).collect();
            let updating = Instant::now();
            let outcome = self.update(trajectories).await?;
            let mut metrics = batch_metrics(&batch.kept, &batch.left_out, &batch.cost);
            metrics.set(names::GROUPS_ROUNDS, batch.num_rounds as f64);
            metrics.set(names::PROMPTS_DROPPED, self.num_prompts_dropped as f64);
            metrics.merge(outcome.metrics);
            metrics.set(names::TIME_UPDATE, updating.elapsed().as_secs_f64());
            StepRecord { step, kept: &batch.kept, left_out: &batch.left_out, advantages: &advantages }
                .write(&self.run, &self.collector.model, outcome.policy_logprobs)
                .await?;
            self.run.step = step;
            if is_due(config.eval.every, step) || (step == steps && config.eval.at_end) {
                metrics.merge(self.evaluate(step).await?);
            }
            metrics.set(names::TIME_STEP, started.elapsed().as_secs_f64());
            self.run.record(&metrics)?;
            let stop = self.collector.interrupt.is_asked();
            if is_due(config.checkpoint.every, step) || step == steps || stop {
                self.run.checkpoint(&self.collector.model, self.tasks.state(), config.checkpoint.keep).await?;
            }
            progress.step(step, &update_line(&metrics));
            if stop && step < steps {
                return Err(Interrupted.into());
            }
        }
        progress.finish("");
        eprint!("{}", evaluation_table(&self.run)?);
        Ok(())
    }

    /// Samples groups until there are enough to learn from (dynamic sampling), or no round is left.
    async fn collect(&mut self, config: &ReinforceRun, step: u64) -> Result<Batch> {
        let wanted = config.rollout.prompts_per_step;
        let filter = &config.dynamic_sampling;
        let mut batch = Batch::default();
        self.sampling.params.seed = step_seed(config.run.seed, step);
        while batch.kept.len() < wanted && batch.num_rounds < filter.max_rounds {
            let tasks = self.tasks.next_tasks(wanted - batch.kept.len());
            let (groups, cost) = self.collector.sample_groups(&tasks, &self.sampling).await?;
            batch.cost.add(cost);
            batch.num_rounds += 1;
            for group in groups {
                let teaches = |rewards: &Vec<f32>| !(filter.enabled && is_flat(rewards));
                let keep = group.rewards().as_ref().is_some_and(teaches);
                if keep { batch.kept.push(group) } else { batch.left_out.push(group) }
            }
            if !filter.enabled {
                break;
            }
        }
        Ok(batch)
    }

    async fn update(&self, trajectories: Vec<Trajectory>) -> Result<UpdateOutcome> {
        if trajectories.is_empty() {
            tracing::warn!("no group of this step has anything to teach: no update");
            return Ok(UpdateOutcome::default());
        }
        let plan = self.plan.clone();
        self.collector.model.run(move |learner| update(learner, &trajectories, &plan)).await?
    }

    async fn evaluate(&self, step: u64) -> Result<Metrics> {
        self.evaluation.run(&self.collector, &self.run, step).await
    }
}

fn rewards(groups: &[Group]) -> Vec<Vec<f32>> {
    groups.iter().map(|group| group.rewards().unwrap_or_default()).collect()
}

fn is_due(every: u64, step: u64) -> bool {
    every > 0 && step.is_multiple_of(every)
}

/// Seed of a step, so that a task that comes again in another step is sampled with other random numbers.
fn step_seed(seed: u64, step: u64) -> u64 {
    random::KeyedRng::new(&[seed.into(), "rollout".into(), step.into()]).next_u64()
}
