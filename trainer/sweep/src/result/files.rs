//! The files of a result in the sweep's folder. Must not know the page.

use std::path::{Path, PathBuf};

use record::RecordError;
use record::atomic::write_file;
use record::sweep_cells::{SweepCellRow, write_sweep_cells};

use super::sweep_result::SweepResult;
use crate::measured::{CellState, MeasuredCell};

/// Names of the files that [`SweepResult::write`] leaves: JSON, the cells as a table, Markdown, LaTeX.
pub const RESULT_FILES: [&str; 4] = ["result.json", "cells.parquet", "table.md", "table.tex"];

impl SweepResult {
    /// The result as JSON text.
    ///
    /// # Errors
    /// A value that JSON cannot hold.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// Writes the result into `folder` as JSON, its cells as Parquet, and its tables in Markdown and LaTeX. Gives the
    /// paths.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&self, folder: &Path, cells: &[MeasuredCell]) -> Result<[PathBuf; 4], RecordError> {
        let paths = RESULT_FILES.map(|name| folder.join(name));
        let [json, table, markdown, latex] = &paths;
        let text = self.json().map_err(|source| RecordError::Encode { path: json.clone(), source: source.into() })?;
        write_file(json, text.as_bytes())?;
        write_sweep_cells(table, &rows(cells))?;
        write_file(markdown, self.markdown().as_bytes())?;
        write_file(latex, self.latex().as_bytes())?;
        Ok(paths)
    }
}

/// A row for each cell and figure, and one for a cell without figures.
fn rows(cells: &[MeasuredCell]) -> Vec<SweepCellRow> {
    cells.iter().flat_map(of_cell).collect()
}

fn of_cell(cell: &MeasuredCell) -> Vec<SweepCellRow> {
    let state = match cell.state {
        CellState::Waiting => "waiting",
        CellState::Started => "started",
        CellState::Done => "done",
        CellState::Failed => "failed",
    };
    let plain = SweepCellRow {
        arm: cell.arm.clone(),
        seed: cell.seed,
        state: state.to_owned(),
        failure: cell.failure.clone(),
        folder: cell.folder.clone(),
        seconds: cell.seconds,
        steps: cell.budget.steps,
        tokens: cell.budget.tokens,
        step_seconds: cell.budget.seconds,
        ..SweepCellRow::default()
    };
    if cell.figures.is_empty() {
        return vec![plain];
    }
    let of_figure = |(name, figure): (&String, &crate::measured::MeasuredFigure)| {
        let (curve_steps, curve_values) = figure.curve.iter().copied().unzip();
        SweepCellRow {
            figure: Some(name.clone()),
            value: Some(figure.value),
            curve_steps,
            curve_values,
            ..plain.clone()
        }
    };
    cell.figures.iter().map(of_figure).collect()
}
