//! What was measured of a cell: the seam between running cells and comparing arms.

use std::collections::BTreeMap;

use record::machines::Machine;
use serde::{Deserialize, Serialize};

/// How far a cell has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellState {
    /// Not begun.
    Waiting,
    /// Under way, or interrupted: it goes on from its checkpoint.
    Started,
    /// Ended with all its figures.
    Done,
    /// Ended without: it is run again when asked.
    Failed,
}

/// One arm under one seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasuredCell {
    /// Name of the arm.
    pub arm: String,
    /// Seed of the run.
    pub seed: u64,
    /// How far it has come.
    pub state: CellState,
    /// Last words of a failed cell.
    pub failure: Option<String>,
    /// Folder of the run.
    pub folder: String,
    /// Seconds that it took, without what it shares with others.
    pub seconds: f64,
    /// Figures by name, where they were recorded.
    pub figures: BTreeMap<String, MeasuredFigure>,
    /// What it cost.
    pub budget: Budget,
    /// What computed it, by phase.
    pub computed_by: BTreeMap<String, ComputedBy>,
}

/// What computed a phase of a cell; several where it went on elsewhere or with another program.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ComputedBy {
    /// Versions of the program.
    pub programs: Vec<String>,
    /// Machines.
    pub machines: Vec<Machine>,
}

impl ComputedBy {
    /// Adds what is not there yet.
    pub(crate) fn add(&mut self, programs: Vec<String>, machines: impl Iterator<Item = Machine>) {
        for program in programs {
            if !self.programs.contains(&program) {
                self.programs.push(program);
            }
        }
        for machine in machines {
            if !self.machines.contains(&machine) {
                self.machines.push(machine);
            }
        }
    }
}

/// One figure of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasuredFigure {
    /// The value, as the sweep's file reads it: at a step, or the mean of the last evaluations.
    pub value: f64,
    /// The same of each task by its id, where the figure is a mean over tasks.
    pub by_task: Option<BTreeMap<String, f64>>,
    /// The figure over the run: step and value.
    pub curve: Vec<(u64, f64)>,
}

/// What a cell cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Steps of updates.
    pub steps: u64,
    /// Tokens that were sampled.
    pub tokens: u64,
    /// Seconds of the steps.
    pub seconds: f64,
}
