//! The recipe of a stage: tasks, groups, advantages, an update; again.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use datasets::TaskCursor;
use record::metrics::Metrics;

use crate::algorithm::advantages::{advantages, is_flat};
use crate::config::ReinforceRun;
use crate::evaluate::{Evaluation, table};
use crate::group::{Group, Sampling, SamplingCost, sample_groups};
use crate::interrupt::Interrupt;
use crate::judge::Judge;
use crate::learner::Learner;
use crate::model_thread::ModelThread;
use crate::progress::Progress;
use crate::session::Session;
use crate::step_record::{StepRecord, batch_metrics, update_line};
use crate::trajectory::Trajectory;
use crate::update::{UpdateOutcome, UpdatePlan, update};

/// A stage's run, ready to step.
pub struct Trainer {
    /// The policy and what trains beside it.
    pub model: ModelThread<Learner>,
    /// Verdicts and rewards.
    pub judge: Arc<Judge>,
    /// Where the run stands among the tasks.
    pub tasks: TaskCursor,
    /// How groups are sampled.
    pub sampling: Sampling,
    /// How the policy is updated.
    pub plan: UpdatePlan,
    /// Held-out tasks.
    pub evaluation: Evaluation,
    /// The run's folder and its records.
    pub session: Session,
    /// Ctrl-C.
    pub interrupt: Interrupt,
}

/// One step's batch: the groups to learn from, and those that were left out.
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
    pub async fn run(&mut self, config: &ReinforceRun, title: &str) -> Result<()> {
        let steps = config.update.steps;
        let progress = Progress::new(title, steps);
        if self.session.step == 0 && config.eval.at_start {
            let metrics = self.evaluate(0).await?;
            self.session.record(&metrics)?;
        }
        while self.session.step < steps {
            let started = Instant::now();
            let step = self.session.step + 1;
            let batch = self.collect(config, step).await?;
            let advantages = advantages(&rewards(&batch.kept), &config.advantage);
            let trajectories =
                batch.kept.iter().zip(&advantages).flat_map(|(g, a)| Trajectory::of_group(g, a)).collect();
            let updating = Instant::now();
            let outcome = self.update(trajectories).await?;
            let mut metrics = batch_metrics(&batch.kept, &batch.left_out, &batch.cost);
            metrics.set("groups/rounds", batch.num_rounds as f64);
            metrics.merge(outcome.metrics);
            metrics.set("time/update", updating.elapsed().as_secs_f64());
            StepRecord { step, kept: &batch.kept, left_out: &batch.left_out, advantages: &advantages }
                .write(&self.session, &self.model, outcome.policy_logprobs)
                .await?;
            self.session.step = step;
            if is_due(config.eval.every, step) || (step == steps && config.eval.at_end) {
                metrics.merge(self.evaluate(step).await?);
            }
            metrics.set("time/step", started.elapsed().as_secs_f64());
            self.session.record(&metrics)?;
            if is_due(config.checkpoint.every, step) || step == steps {
                self.session.checkpoint(&self.model, self.tasks.state(), config.checkpoint.keep).await?;
            }
            progress.step(step, &update_line(&metrics));
        }
        progress.finish("");
        eprint!("{}", table(&self.session)?);
        Ok(())
    }

    /// Samples groups until there are enough to learn from (dynamic sampling), or the rounds are used up.
    async fn collect(&mut self, config: &ReinforceRun, step: u64) -> Result<Batch> {
        let wanted = config.rollout.prompts_per_step;
        let filter = &config.dynamic_sampling;
        let mut batch = Batch::default();
        self.sampling.params.seed = step_seed(config.run.seed, step);
        while batch.kept.len() < wanted && batch.num_rounds < filter.max_rounds {
            let tasks = self.tasks.next_tasks(wanted - batch.kept.len());
            let sampled = sample_groups(&self.model, &self.judge, &tasks, &self.sampling, &self.interrupt).await?;
            let (groups, cost) = sampled;
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
        self.model.run(move |learner| update(learner, &trajectories, &plan)).await?
    }

    async fn evaluate(&self, step: u64) -> Result<Metrics> {
        self.evaluation.run(&self.model, &self.judge, &self.interrupt, &self.session, step).await
    }
}

fn rewards(groups: &[Group]) -> Vec<Vec<f32>> {
    groups.iter().map(|group| group.rewards().unwrap_or_default()).collect()
}

fn is_due(every: u64, step: u64) -> bool {
    every > 0 && step.is_multiple_of(every)
}

/// A task that comes again in another step is sampled with other random numbers.
fn step_seed(seed: u64, step: u64) -> u64 {
    random::KeyedRng::new(&[seed.into(), "rollout".into(), step.into()]).next_u64()
}
