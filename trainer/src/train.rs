//! A step of stage 1 or 2: tasks, groups, advantages, an update.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, bail};
use datasets::{CursorState, TaskCursor};
use learner::advantages::{advantages, is_flat};
use learner::trajectory::Trajectory;
use learner::update_outcome::UpdateOutcome;
use policy::Texts;
use record::metrics::Metrics;
use record::names;

use crate::collector::Collector;
use crate::config::ReinforceRun;
use crate::console::update_line;
use crate::evaluation::Evaluation;
use crate::group::{Group, Sampling, SamplingCost};
use crate::open_run::OpenRun;
use crate::rollout_rows::StepRecord;
use crate::run::run_loop::Stage;
use crate::service_watch::ServiceWatch;
use crate::step_metrics::{batch_metrics, update_metrics};
use crate::trajectories::trajectories;
use crate::worker::{Command, Event, ModelWorker};

/// A stage that is ready to step.
pub(crate) struct Trainer {
    pub config: ReinforceRun,
    /// Samples and judges; its thread also updates the policy.
    pub collector: Collector,
    /// Tokenizer and chat template of the policy.
    pub texts: Arc<Texts>,
    /// Place of the run among the tasks.
    pub tasks: TaskCursor,
    /// Settings of the sampling.
    pub sampling: Sampling,
    /// Held-out tasks.
    pub evaluation: Evaluation,
    /// Number of tasks that were dropped because their prompts are too long.
    pub num_prompts_dropped: usize,
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

impl Stage for Trainer {
    type Data = CursorState;

    async fn step(&mut self, run: &OpenRun, step: u64) -> Result<Metrics> {
        let batch = self.collect().await?;
        let sampled = batch.kept.iter().chain(&batch.left_out).flat_map(Group::sampled);
        self.services.note(sampled.flat_map(|rollout| &rollout.judgement.verdicts))?;
        let advantages = advantages(&rewards(&batch.kept), &self.config.advantage);
        let record = StepRecord { step, kept: &batch.kept, left_out: &batch.left_out, advantages: &advantages };
        record.write_rollouts(run, &self.texts)?;

        let updating = Instant::now();
        let groups = batch.kept.iter().zip(&advantages).map(|(group, advantages)| trajectories(group, advantages));
        let outcome = self.update(step, groups.collect()).await?;
        record.write_updates(run, &outcome)?;
        let mut metrics = batch_metrics(&batch.kept, &batch.left_out, &batch.cost);
        metrics.set(names::GROUPS_ROUNDS, batch.num_rounds as f64);
        metrics.set(names::PROMPTS_DROPPED, self.num_prompts_dropped as f64);
        metrics.merge(update_metrics(&outcome));
        metrics.set(names::TIME_UPDATE, updating.elapsed().as_secs_f64());
        Ok(metrics)
    }

    async fn evaluate(&mut self, run: &OpenRun, step: u64) -> Result<Metrics> {
        self.evaluation.run(&self.collector, run, step).await
    }

    fn data(&self) -> CursorState {
        self.tasks.state()
    }

    fn worker(&self) -> &ModelWorker {
        &self.collector.worker
    }

    fn line(&self, metrics: &Metrics) -> String {
        update_line(metrics)
    }
}

impl Trainer {
    /// Samples groups until there are enough to learn from (dynamic sampling), or no round is left.
    async fn collect(&mut self) -> Result<Batch> {
        let wanted = self.config.rollout.prompts_per_step;
        let filter = &self.config.dynamic_sampling;
        let mut batch = Batch::default();
        while batch.kept.len() < wanted && batch.num_rounds < filter.max_rounds {
            let draws = self.tasks.next_draws(wanted - batch.kept.len());
            let (groups, cost) = self.collector.sample_groups(&draws, &self.sampling).await?;
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

    async fn update(&self, step: u64, groups: Vec<Vec<Trajectory>>) -> Result<UpdateOutcome> {
        if groups.is_empty() {
            tracing::warn!("no group of this step has anything to teach: no update");
            return Ok(UpdateOutcome::default());
        }
        match self.collector.worker.ask(Command::Update { step: step - 1, groups }).await? {
            Event::Updated(outcome) => Ok(*outcome),
            other => bail!("the model's thread answered {other:?} to an update"),
        }
    }
}

fn rewards(groups: &[Group]) -> Vec<Vec<f32>> {
    groups.iter().map(|group| group.rewards().unwrap_or_default()).collect()
}
