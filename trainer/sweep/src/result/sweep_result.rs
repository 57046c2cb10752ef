//! What is said of a sweep. Must not know how it is computed.

use serde::{Deserialize, Serialize};

use super::arm::ArmResult;
use super::difference::DifferenceResult;
use super::figure::FigureName;
use super::winner::Winner;
use crate::claims::Claims;
use crate::measured::{CellState, MeasuredCell};

/// The result of a sweep: what `--json` writes, and what tables and the page show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepResult {
    /// Name of the sweep.
    pub name: String,
    /// Name of the arm that the others are compared with.
    pub base: String,
    /// Figures: the primary one first.
    pub figures: Vec<FigureName>,
    /// What was claimed before any cell ran.
    pub claims: Claims,
    /// Arms in the order of the file.
    pub arms: Vec<ArmResult>,
    /// Differences to the base: by figure, then by arm.
    pub differences: Vec<DifferenceResult>,
    /// The best of several arms by the primary figure.
    pub winner: Option<Winner>,
    /// Deviations of the seeds' differences that as many seeds as this sweep has could show at all.
    pub deviations_shown: Option<f64>,
    /// Sentences that a reader must see beside the figures.
    pub notes: Vec<String>,
    /// Cells in the order of the file.
    pub cells: Vec<CellResult>,
}

/// One cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellResult {
    /// Name of the arm.
    pub arm: String,
    /// Seed of the run.
    pub seed: u64,
    /// How far it has come.
    pub state: CellState,
    /// Folder of the run.
    pub folder: String,
    /// Seconds that it took, without what it shares with others.
    pub seconds: f64,
    /// Last words of a failed cell.
    pub failure: Option<String>,
}

impl SweepResult {
    /// The primary figure.
    pub fn primary(&self) -> &FigureName {
        &self.figures[0]
    }

    /// Differences of one figure.
    pub fn differences_of<'a>(&'a self, figure: &'a str) -> impl Iterator<Item = &'a DifferenceResult> {
        self.differences.iter().filter(move |difference| difference.figure == figure)
    }

    /// True where a cell failed.
    pub fn has_failures(&self) -> bool {
        self.cells.iter().any(|cell| cell.state == CellState::Failed)
    }
}

impl CellResult {
    pub(super) fn of(cell: &MeasuredCell) -> Self {
        let MeasuredCell { arm, seed, state, folder, seconds, failure, .. } = cell.clone();
        Self { arm, seed, state, folder, seconds, failure }
    }
}
