//! One arm: its figures with every seed's own value, and what it cost.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use statistics::{Figure, StudentMean};

use super::difference::samples_of_shares;
use super::figure::FigureName;
use super::pairs::measured;
use crate::measured::{CellState, MeasuredCell, MeasuredFigure};

/// One arm of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmResult {
    /// Name of the arm.
    pub name: String,
    /// Its seeds in the order in which they were planned.
    pub seeds: Vec<u64>,
    /// Cells that ended with their figures.
    pub num_done: usize,
    /// Figures by name.
    pub figures: BTreeMap<String, ArmFigure>,
    /// Mean cost of a cell that is done; `None` where none is.
    pub budget: Option<ArmBudget>,
}

/// A figure of an arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmFigure {
    /// Mean over the seeds that have it; `None` where none has.
    pub mean: Option<f64>,
    /// 95 % interval over seeds (Student); of a sweep of one seed, over tasks.
    pub interval: Option<[f64; 2]>,
    /// Value of every seed; `None` where it was lost or is not there yet.
    pub seeds: Vec<SeedValue>,
}

/// Value under one seed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SeedValue {
    /// Seed of the run.
    pub seed: u64,
    /// The value.
    pub value: Option<f64>,
}

/// Mean cost of an arm's cells.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ArmBudget {
    /// Steps of updates.
    pub steps: f64,
    /// Tokens that were sampled.
    pub tokens: f64,
    /// Seconds of the steps.
    pub seconds: f64,
}

impl ArmResult {
    pub(super) fn of(name: &str, figures: &[FigureName], cells: &[&MeasuredCell]) -> Self {
        let done: Vec<&&MeasuredCell> = cells.iter().filter(|cell| cell.state == CellState::Done).collect();
        let mean = |part: fn(&MeasuredCell) -> f64| done.iter().map(|cell| part(cell)).sum::<f64>() / done.len() as f64;
        let budget = (!done.is_empty()).then(|| ArmBudget {
            steps: mean(|cell| cell.budget.steps as f64),
            tokens: mean(|cell| cell.budget.tokens as f64),
            seconds: mean(|cell| cell.budget.seconds),
        });
        Self {
            name: name.to_owned(),
            seeds: cells.iter().map(|cell| cell.seed).collect(),
            num_done: done.len(),
            figures: figures.iter().map(|figure| (figure.name.clone(), ArmFigure::of(&figure.name, cells))).collect(),
            budget,
        }
    }
}

impl ArmFigure {
    fn of(figure: &str, cells: &[&MeasuredCell]) -> Self {
        let found: Vec<(u64, Option<&MeasuredFigure>)> =
            cells.iter().map(|cell| (cell.seed, measured(figure, cell))).collect();
        let values: Vec<f64> = found.iter().filter_map(|(_, found)| Some((*found)?.value)).collect();
        let interval = match (cells, values.len()) {
            (_, 0) => None,
            ([only], _) => measured(figure, only).and_then(over_tasks),
            _ => StudentMean::of(&values).interval(),
        };
        Self {
            mean: (!values.is_empty()).then(|| StudentMean::of(&values).mean),
            interval,
            seeds: found
                .iter()
                .map(|(seed, found)| SeedValue { seed: *seed, value: found.map(|found| found.value) })
                .collect(),
        }
    }
}

/// The interval of one run's figure over its tasks.
fn over_tasks(figure: &MeasuredFigure) -> Option<[f64; 2]> {
    let values: Vec<f64> = figure.by_task.as_ref()?.values().copied().collect();
    match samples_of_shares(&values) {
        Some(samples) => Figure::of(&values, values.len() * samples).map(|figure| figure.interval),
        None => StudentMean::of(&values).interval(),
    }
}
