//! Updates that were skipped because their loss or gradient was not finite: their batches are written down, and a run
//! in which they do not cease ends.

use std::ops::Range;

use anyhow::{Result, bail};
use learner::objective::preference::PairIds;
use learner::objective::supervised::LearnedSequence;
use learner::trainable::MAX_SKIPPED_IN_A_ROW;
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

/// Ends a run whose updates were skipped too often in a row.
///
/// # Errors
/// They were.
pub(crate) fn check(skipped_in_a_row: u32) -> Result<()> {
    if skipped_in_a_row >= MAX_SKIPPED_IN_A_ROW {
        bail!(
            "{skipped_in_a_row} updates in a row had a loss or gradient that is not finite: the weights of the last \
             checkpoint are sound, the batches are in the run's folder `skipped`; try a lower schedule.lr"
        );
    }
    Ok(())
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
