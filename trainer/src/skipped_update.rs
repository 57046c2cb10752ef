//! Updates that were skipped because their loss or gradient was not finite: their batches are written down, and a run
//! in which they do not cease ends.

use std::ops::Range;

use anyhow::{Error, Result, anyhow};
use learner::objective::preference::PairIds;
use learner::objective::supervised::LearnedSequence;
use learner::trajectory::Trajectory;
use record::skipped_batch::{TrajectoryRow, write_skipped_batch};

use crate::open_run::OpenRun;

/// Writes the batch of a skipped update; `model` is what was not updated, `place` the update's in its step.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write_down(run: &OpenRun, step: u64, model: &str, place: usize, rows: &[TrajectoryRow]) -> Result<()> {
    let path = run.folder.skipped_batch(step, model, place);
    write_skipped_batch(&path, rows)?;
    tracing::warn!(file = %path.display(), "the batch of the skipped update is written down");
    Ok(())
}

/// The error of a run whose updates were skipped too often in a row.
pub(crate) fn too_many_skipped(skipped_in_a_row: u32) -> Error {
    anyhow!(
        "{skipped_in_a_row} updates in a row had a loss or gradient that is not finite; their batches are in the run's \
         folder `skipped`. The last checkpoints may hold what the last update that was applied did to the weights: go \
         back to one before it, and try a lower schedule.lr"
    )
}

fn places(ranges: &[Range<usize>]) -> Vec<Range<u32>> {
    ranges.iter().map(|range| range.start as u32..range.end as u32).collect()
}

pub(crate) fn rows_of_trajectories(trajectories: &[Trajectory]) -> Vec<TrajectoryRow> {
    let row = |trajectory: &Trajectory| TrajectoryRow {
        ids: trajectory.ids.clone(),
        targets: places(&trajectory.targets),
        rollout_logprobs: trajectory.rollout_logprobs.clone(),
        advantages: trajectory.token_advantages(),
        ..TrajectoryRow::default()
    };
    trajectories.iter().map(row).collect()
}

pub(crate) fn rows_of_sequences(sequences: &[LearnedSequence]) -> Vec<TrajectoryRow> {
    let row = |sequence: &LearnedSequence| TrajectoryRow {
        ids: sequence.ids.clone(),
        targets: places(&sequence.targets),
        ..TrajectoryRow::default()
    };
    sequences.iter().map(row).collect()
}

/// Chosen and rejected of each pair, in turns.
pub(crate) fn rows_of_pairs(pairs: &[PairIds]) -> Vec<TrajectoryRow> {
    let row = |ids: &Vec<u32>| TrajectoryRow { ids: ids.clone(), ..TrajectoryRow::default() };
    pairs.iter().flat_map(|pair| [row(&pair.chosen), row(&pair.rejected)]).collect()
}
