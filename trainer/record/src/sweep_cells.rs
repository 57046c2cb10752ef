//! Cells of a sweep as a table: a row for each cell and figure. Must not know how a figure is read or compared.

use std::path::Path;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Float64Type, UInt64Type};
use arrow::error::ArrowError;

use crate::arrays::{lists, numbers, texts};
use crate::columns::Columns;
use crate::error::RecordError;
use crate::parquet_file::{self, Content};

/// A figure of one cell; a cell without figures has one row without a name of a figure.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SweepCellRow {
    /// Name of the arm.
    pub arm: String,
    /// Seed of the run.
    pub seed: u64,
    /// How far the cell has come: `waiting`, `started`, `done` or `failed`.
    pub state: String,
    /// Last words of a failed cell.
    pub failure: Option<String>,
    /// Folder of the run.
    pub folder: String,
    /// Seconds that the cell took, without what it shares with others.
    pub seconds: f64,
    /// Steps of updates.
    pub steps: u64,
    /// Tokens that were sampled.
    pub tokens: u64,
    /// Seconds of the steps.
    pub step_seconds: f64,
    /// Name of the figure.
    pub figure: Option<String>,
    /// Value of the figure, as the sweep's file reads it.
    pub value: Option<f64>,
    /// Steps at which the figure was recorded.
    pub curve_steps: Vec<u64>,
    /// Values at these steps.
    pub curve_values: Vec<f64>,
}

/// Writes the cells of a sweep; the file is there whole or not at all.
///
/// # Errors
/// The file cannot be written.
pub fn write_sweep_cells(path: &Path, rows: &[SweepCellRow]) -> Result<(), RecordError> {
    parquet_file::write(path, Content::SweepCells, rows, to_batch)
}

/// Reads the cells of a sweep.
///
/// # Errors
/// The file cannot be read, is no Parquet file of cells, or is of a newer schema, or a column has another type; the
/// error names file and column.
pub fn read_sweep_cells(path: &Path) -> Result<Vec<SweepCellRow>, RecordError> {
    parquet_file::read(path, Content::SweepCells, &[], from_columns)
}

fn to_batch(rows: &[SweepCellRow]) -> Result<RecordBatch, ArrowError> {
    let each = || rows.iter();
    let columns: [(&str, ArrayRef, bool); 13] = [
        ("arm", texts(each().map(|row| Some(row.arm.as_str()))), false),
        ("seed", numbers::<UInt64Type>(each().map(|row| Some(row.seed))), false),
        ("state", texts(each().map(|row| Some(row.state.as_str()))), false),
        ("failure", texts(each().map(|row| row.failure.as_deref())), true),
        ("folder", texts(each().map(|row| Some(row.folder.as_str()))), false),
        ("seconds", numbers::<Float64Type>(each().map(|row| Some(row.seconds))), false),
        ("steps", numbers::<UInt64Type>(each().map(|row| Some(row.steps))), false),
        ("tokens", numbers::<UInt64Type>(each().map(|row| Some(row.tokens))), false),
        ("step_seconds", numbers::<Float64Type>(each().map(|row| Some(row.step_seconds))), false),
        ("figure", texts(each().map(|row| row.figure.as_deref())), true),
        ("value", numbers::<Float64Type>(each().map(|row| row.value)), true),
        ("curve_steps", lists::<UInt64Type>(each().map(|row| Some(row.curve_steps.as_slice()))), false),
        ("curve_values", lists::<Float64Type>(each().map(|row| Some(row.curve_values.as_slice()))), false),
    ];
    RecordBatch::try_from_iter_with_nullable(columns)
}

fn from_columns(columns: &Columns, row: usize) -> Result<SweepCellRow, RecordError> {
    let text = |name: &str| Ok(columns.text(name, row)?.unwrap_or_default());
    let count = |name: &str| Ok(columns.number::<UInt64Type>(name, row)?.unwrap_or_default());
    let number = |name: &str| Ok(columns.number::<Float64Type>(name, row)?.unwrap_or_default());
    Ok(SweepCellRow {
        arm: text("arm")?,
        seed: count("seed")?,
        state: text("state")?,
        failure: columns.text("failure", row)?,
        folder: text("folder")?,
        seconds: number("seconds")?,
        steps: count("steps")?,
        tokens: count("tokens")?,
        step_seconds: number("step_seconds")?,
        figure: columns.text("figure", row)?,
        value: columns.number::<Float64Type>("value", row)?,
        curve_steps: columns.list::<UInt64Type>("curve_steps", row)?.unwrap_or_default(),
        curve_values: columns.list::<Float64Type>("curve_values", row)?.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_come_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cells.parquet");
        let done = SweepCellRow {
            arm: "clip".into(),
            seed: 7,
            state: "done".into(),
            folder: "cells/3fa".into(),
            seconds: 61.5,
            steps: 40,
            tokens: 90_000,
            step_seconds: 55.25,
            figure: Some("maths".into()),
            value: Some(0.45),
            curve_steps: vec![20, 40],
            curve_values: vec![0.25, 0.45],
            ..SweepCellRow::default()
        };
        let failed = SweepCellRow {
            arm: "clip".into(),
            seed: 8,
            state: "failed".into(),
            failure: Some("the loss is NaN".into()),
            ..SweepCellRow::default()
        };
        let rows = [done, failed];
        write_sweep_cells(&path, &rows).unwrap();
        assert_eq!(read_sweep_cells(&path).unwrap(), rows);
        assert!(crate::samples::read_samples(&path).is_err());
    }
}
