//! The batch of an update that was skipped because its loss or its gradient was not finite, as a Parquet file: with the
//! checkpoint before it, all that the update computed from.

use std::ops::Range;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::{Float32Type, UInt32Type, UInt64Type};
use arrow::error::ArrowError;

use crate::arrays::{flat, lists, numbers, struct_lists};
use crate::columns::Columns;
use crate::error::RecordError;
use crate::parquet_file::{self, Content};

/// One trajectory of the batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrajectoryRow {
    /// Place of the task in the run's walk over its data.
    pub draw: Option<u64>,
    /// Place of the completion in its group, counted from 0.
    pub sample_index: Option<u32>,
    /// Sequence of the rollout, counted from 0.
    pub sequence: u32,
    /// Token ids of the whole sequence.
    pub ids: Vec<u32>,
    /// Places in `ids` of the tokens that are learned from, in ascending order.
    pub targets: Vec<Range<u32>>,
    /// Logprobs in nats that were recorded while sampling, one for each target.
    pub rollout_logprobs: Vec<f32>,
    /// Advantages, one for each target.
    pub advantages: Vec<f32>,
}

/// Writes the trajectories of a skipped update in their order; the file is there whole or not at all.
///
/// # Errors
/// The file cannot be written.
pub fn write_skipped_batch(path: &Path, rows: &[TrajectoryRow]) -> Result<(), RecordError> {
    parquet_file::write(path, Content::SkippedBatch, rows, to_batch)
}

/// Reads the trajectories of a skipped update.
///
/// # Errors
/// The file cannot be read, is no Parquet file of a skipped batch, or is of a newer schema, or a column has another
/// type; the error names file and column.
pub fn read_skipped_batch(path: &Path) -> Result<Vec<TrajectoryRow>, RecordError> {
    parquet_file::read(path, Content::SkippedBatch, &[], from_columns)
}

fn to_batch(rows: &[TrajectoryRow]) -> Result<RecordBatch, ArrowError> {
    let each = || rows.iter();
    let targets = || each().map(|row| Some(row.targets.as_slice()));
    let ranges = || flat::<Range<u32>>(targets());
    let start = numbers::<UInt32Type>(ranges().map(|range| Some(range.start)));
    let end = numbers::<UInt32Type>(ranges().map(|range| Some(range.end)));
    let columns = vec![
        ("draw", numbers::<UInt64Type>(each().map(|row| row.draw)), true),
        ("sample_index", numbers::<UInt32Type>(each().map(|row| row.sample_index)), true),
        ("sequence", numbers::<UInt32Type>(each().map(|row| Some(row.sequence))), false),
        ("ids", lists::<UInt32Type>(each().map(|row| Some(row.ids.as_slice()))), false),
        ("targets", struct_lists(targets(), vec![("start", start), ("end", end)]), false),
        ("rollout_logprobs", lists::<Float32Type>(each().map(|row| Some(row.rollout_logprobs.as_slice()))), false),
        ("advantages", lists::<Float32Type>(each().map(|row| Some(row.advantages.as_slice()))), false),
    ];
    RecordBatch::try_from_iter_with_nullable(columns)
}

fn from_columns(columns: &Columns, row: usize) -> Result<TrajectoryRow, RecordError> {
    Ok(TrajectoryRow {
        draw: columns.number::<UInt64Type>("draw", row)?,
        sample_index: columns.number::<UInt32Type>("sample_index", row)?,
        sequence: columns.number::<UInt32Type>("sequence", row)?.unwrap_or_default(),
        ids: columns.list::<UInt32Type>("ids", row)?.unwrap_or_default(),
        targets: columns.structs("targets", row)?.map(|fields| ranges(&fields)).transpose()?.unwrap_or_default(),
        rollout_logprobs: columns.list::<Float32Type>("rollout_logprobs", row)?.unwrap_or_default(),
        advantages: columns.list::<Float32Type>("advantages", row)?.unwrap_or_default(),
    })
}

fn ranges(fields: &Columns) -> Result<Vec<Range<u32>>, RecordError> {
    let place = |name: &str, index| Ok(fields.number::<UInt32Type>(name, index)?.unwrap_or_default());
    (0..fields.num_rows()).map(|index| Ok(place("start", index)?..place("end", index)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skipped_batch_comes_back_with_its_infinities() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("skipped/step_00012.update_0.parquet");
        let rows = vec![
            TrajectoryRow {
                draw: Some(7),
                sample_index: Some(1),
                sequence: 1,
                ids: vec![10, 11, 1, 2, 12, 4],
                targets: vec![2..4, 5..6],
                rollout_logprobs: vec![f32::NEG_INFINITY, -0.5, -1.0],
                advantages: vec![0.5, 0.5, f32::INFINITY],
            },
            TrajectoryRow { ids: vec![3], ..TrajectoryRow::default() },
        ];
        write_skipped_batch(&path, &rows).unwrap();
        assert_eq!(read_skipped_batch(&path).unwrap(), rows);
    }
}
