//! The loop of every run: evaluate, step, record, checkpoint. A kind of run says what a step is.

use std::time::Instant;

use anyhow::Result;
use learner::trainable::MAX_SKIPPED_IN_A_ROW;
use progress::{Progress, Unit};
use record::metrics::Metrics;
use record::names;

use crate::checkpoint::SavedData;
use crate::interrupt::Interrupt;
use crate::open_run::OpenRun;
use crate::patience::ServiceAway;
use crate::plan::Calendar;
use crate::rank_metrics::rank_metrics;
use crate::skipped_update::too_many_skipped;
use crate::worker::ModelWorker;

/// What a step comes to.
pub(crate) struct StepOutcome {
    pub metrics: Metrics,
    /// Number of updates in a row that were skipped, up to this step's last.
    pub skipped_in_a_row: u32,
}

/// A kind of run.
pub(crate) trait Stage {
    /// Place of the run in its data, as a checkpoint keeps it.
    type Data: SavedData;

    /// Does a step, counted from 1.
    async fn step(&mut self, run: &OpenRun, step: u64) -> Result<StepOutcome>;

    /// Measures on held-out data.
    async fn evaluate(&mut self, run: &OpenRun, step: u64) -> Result<Metrics>;

    /// The place in the data after the steps done.
    fn data(&self) -> Self::Data;

    /// The thread whose model is checkpointed.
    fn worker(&self) -> &ModelWorker;

    /// The console's line of a step.
    fn line(&self, metrics: &Metrics) -> String;
}

/// Runs every step that is left.
///
/// # Errors
/// A step fails, a record cannot be written, or the user interrupts.
pub(crate) async fn run_steps(
    stage: &mut impl Stage,
    run: &mut OpenRun,
    calendar: &Calendar,
    interrupt: &Interrupt,
    title: &str,
) -> Result<()> {
    let steps = calendar.steps;
    run.prune(calendar.checkpoints_kept)?;
    let progress = Progress::start(title, Unit::Parts, Some(steps));
    if run.step == 0 && calendar.eval_at_start {
        let metrics = stage.evaluate(run, 0).await?;
        run.record(&metrics)?;
    }
    progress.before(run.step);
    let _finishing = interrupt.finish_steps(calendar.grace)?;
    while run.step < steps && !interrupt.is_end(run.step) {
        let started = Instant::now();
        let step = run.step + 1;
        let before = stage.data();
        let outcome = stage.step(run, step).await;
        if outcome.as_ref().is_err_and(anyhow::Error::is::<ServiceAway>) {
            // The step is given up; the run is as it was before it.
            run.checkpoint_once(stage.worker(), before, calendar.checkpoints_kept)?;
        }
        let StepOutcome { mut metrics, skipped_in_a_row } = match (outcome, interrupt.asked()) {
            (Err(error), Some(asked)) if error.is::<ServiceAway>() => return Err(asked.end()),
            (outcome, _) => outcome?,
        };
        metrics.merge(rank_metrics(stage.worker()).await?);
        run.step = step;
        run.skipped_in_a_row = skipped_in_a_row;
        if skipped_in_a_row >= MAX_SKIPPED_IN_A_ROW {
            run.record(&metrics)?;
            return Err(too_many_skipped(skipped_in_a_row));
        }
        let is_last = step == steps;
        if is_due(calendar.eval_every, step) || (is_last && calendar.eval_at_end) {
            metrics.merge(stage.evaluate(run, step).await?);
        }
        metrics.set(names::TIME_STEP, started.elapsed().as_secs_f64());
        run.record(&metrics)?;
        let asked = interrupt.asked();
        if is_due(calendar.checkpoint_every, step) || is_last || interrupt.is_end(step) || asked.is_some() {
            run.checkpoint(stage.worker(), stage.data(), calendar.checkpoints_kept)?;
        }
        progress.reach(step, &stage.line(&metrics));
        if let Some(asked) = asked.filter(|_| !is_last) {
            return Err(asked.end());
        }
    }
    progress.finish("");
    Ok(())
}

fn is_due(every: u64, step: u64) -> bool {
    every > 0 && step.is_multiple_of(every)
}
