//! A step of stage 1 or 2: tasks, groups, advantages, an update.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, bail};
use datasets::{CursorState, TaskCursor};
use learner::advantages::advantages;
use learner::trajectory::TrajectoryGroup;
use learner::update_outcome::UpdateOutcome;
use progress::{Progress, Unit};
use record::metrics::Metrics;
use record::names;
use serde::Serialize;

use crate::checkpoint::SavedData;
use crate::collect::{Batch, Carried, Collector, Group, Sampling};
use crate::config::{Algorithm, ReinforceRun};
use crate::console::update_line;
use crate::evaluation::Evaluation;
use crate::open_run::OpenRun;
use crate::plan::Refill;
use crate::rollout_rows::StepRecord;
use crate::run::run_loop::{Stage, StepOutcome};
use crate::service_watch::ServiceWatch;
use crate::skipped_update;
use crate::step_metrics::{age_metrics, batch_metrics, tool_metrics, update_metrics};
use crate::trajectories::trajectories;
use crate::worker::{ModelCommand, ModelEvent, ModelWorker, SavedComponent};

/// A stage that is ready to step.
pub(crate) struct Trainer {
    pub config: ReinforceRun,
    /// Samples and judges; its thread also updates the policy.
    pub collector: Collector,
    /// Place of the run among the tasks.
    pub tasks: TaskCursor,
    /// What the last step left to the next.
    pub carried: Arc<Carried>,
    /// Settings of the sampling.
    pub sampling: Sampling,
    /// Held-out tasks.
    pub evaluation: Evaluation,
    /// Number of tasks that were dropped because their prompts are too long.
    pub num_prompts_dropped: usize,
    /// Watch over the services that verifiers need.
    pub services: ServiceWatch,
}

impl Stage for Trainer {
    type Data = ReinforceData;

    async fn step(&mut self, run: &OpenRun, step: u64) -> Result<StepOutcome> {
        let refill = self.config.refill();
        let (batch, carried) = self.collect(refill).await?;
        let advantages = self.advantages(&batch)?;
        let record = StepRecord { step, batch: &batch, advantages: advantages.as_deref() };
        record.write_rollouts(run, &self.collector.texts)?;
        let sampled = batch.kept.iter().chain(&batch.left_out).flat_map(Group::sampled);
        self.services.note(sampled.flat_map(|rollout| &rollout.judgement.verdicts))?;

        let updating = Instant::now();
        let outcome = self.update(step, trajectories(&batch.kept, advantages.as_deref())).await?;
        record.write_updates(run, &outcome)?;
        for skipped in &outcome.skipped {
            let rows = skipped_update::rows_of_trajectories(&skipped.trajectories);
            skipped_update::write_down(run, step, &skipped.model, skipped.place, &rows)?;
        }
        let mut metrics = batch_metrics(&batch);
        metrics.set(names::PROMPTS_DROPPED, self.num_prompts_dropped as f64);
        if self.sampling.tools.is_some() {
            metrics.merge(tool_metrics(&batch));
        }
        metrics.merge(update_metrics(&outcome));
        metrics.set(names::TIME_UPDATE, updating.elapsed().as_secs_f64());
        if refill.in_flight.is_some() {
            metrics.merge(age_metrics(&batch, &outcome));
            metrics.set(names::ROLLOUT_UNFINISHED, carried.requests.len() as f64);
        }
        self.carried = Arc::new(carried);
        Ok(StepOutcome { metrics, skipped_in_a_row: outcome.skipped_in_a_row })
    }

    async fn evaluate(&mut self, run: &OpenRun, step: u64) -> Result<Metrics> {
        self.evaluation.run(&self.collector, run, step).await
    }

    fn data(&self) -> ReinforceData {
        let carried = self.config.rollout.partial.map(|_| self.carried.clone());
        ReinforceData { tasks: self.tasks.state(), carried }
    }

    fn worker(&self) -> &ModelWorker {
        &self.collector.worker
    }

    fn line(&self, metrics: &Metrics) -> String {
        update_line(metrics)
    }
}

/// Place of a stage in its data: the walk over its tasks, and what its last step left to the next.
#[derive(Debug, Serialize)]
pub(crate) struct ReinforceData {
    #[serde(flatten)]
    tasks: CursorState,
    /// Absent where steps leave nothing; a component of its own in a checkpoint.
    #[serde(skip)]
    carried: Option<Arc<Carried>>,
}

impl SavedData for ReinforceData {
    fn save(&self, checkpoint: &Path) -> Result<Vec<SavedComponent>> {
        self.carried.iter().map(|carried| carried.save(checkpoint)).collect()
    }
}

impl Trainer {
    /// The groups of a step, and what it leaves to the next.
    async fn collect(&mut self, refill: Refill) -> Result<(Batch, Carried)> {
        let Self { collector, tasks, sampling, carried, .. } = self;
        match refill.in_flight {
            None => Ok((collector.collect(tasks, sampling, refill).await?, Carried::default())),
            Some(in_flight) => collector.collect_partial(tasks, sampling, refill, in_flight, carried).await,
        }
    }

    /// Advantages of the kept groups' rollouts; none where a critic gives them, token by token, in the update.
    fn advantages(&self, batch: &Batch) -> Result<Option<Vec<Vec<f32>>>> {
        let rewards: Vec<Vec<f32>> = batch.kept.iter().map(|group| group.rewards().unwrap_or_default()).collect();
        match self.config.algorithm.name {
            Algorithm::Grpo => advantages(&rewards, &self.config.advantage).map(Some),
            Algorithm::Ppo => Ok(None),
        }
    }

    async fn update(&self, step: u64, groups: Vec<TrajectoryGroup>) -> Result<UpdateOutcome> {
        if groups.is_empty() {
            tracing::warn!("no group of this step has anything to teach: no update");
            return Ok(UpdateOutcome::default());
        }
        let _progress = Progress::aside("update", Unit::Parts, None);
        match self.collector.worker.ask(ModelCommand::Update { step: step - 1, groups }).await? {
            ModelEvent::Updated(outcome) => Ok(*outcome),
            other => bail!("the model's thread answered {other:?} to an update"),
        }
    }
}
