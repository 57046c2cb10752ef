//! What is said of a sweep. Must not know how it is computed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::arm::ArmResult;
use super::difference::DifferenceResult;
use super::figure::FigureName;
use super::winner::Winner;
use crate::claims::Claims;
use crate::design::DesignChange;
use crate::measured::{CellState, ComputedBy, MeasuredCell};

/// The result of a sweep: what `--json` writes, and what tables and the page show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepResult {
    /// Name of the sweep.
    pub name: String,
    /// Name of the arm that the others are compared with.
    pub base: String,
    /// Figures: the primary one first.
    pub figures: Vec<FigureName>,
    /// What is claimed; `changes` says what of it was not fixed before any cell ran.
    pub claims: Claims,
    /// Arms in the order in which they were planned.
    pub arms: Vec<ArmResult>,
    /// Differences to the base: by figure, then by arm.
    pub differences: Vec<DifferenceResult>,
    /// The best of several arms by the primary figure.
    pub winner: Option<Winner>,
    /// Deviations of the seeds' differences that as many seeds as this sweep has could show at all.
    pub deviations_shown: Option<f64>,
    /// What of figures, claims, arms and seeds was changed after cells had run.
    pub changes: Vec<DesignChange>,
    /// Sentences that a reader must see beside the figures.
    pub notes: Vec<String>,
    /// Cells in the order in which they were planned.
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
    /// What computed it, by phase.
    pub computed_by: BTreeMap<String, ComputedBy>,
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
}

impl CellResult {
    pub(super) fn of(cell: &MeasuredCell) -> Self {
        let MeasuredCell { arm, seed, state, folder, seconds, failure, computed_by, .. } = cell.clone();
        Self { arm, seed, state, folder, seconds, failure, computed_by }
    }
}
