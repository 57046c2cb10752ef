//! A unit of work: one phase of one or several cells, in a folder of its own.
//!
//! A unit's folder holds `identity.json`, `config.toml`, `state.json`, `log.txt`, and its run in `run`.

use std::path::{Path, PathBuf};

use crate::identity::{Identity, RUN};

/// Folder of all units within the sweep's.
pub const UNITS: &str = "units";

/// What a unit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Generates data.
    Data,
    /// Trains.
    Run,
}

/// One phase of one or several cells.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkUnit {
    /// Name of its folder: phase and checksum.
    pub name: String,
    /// What it is.
    pub identity: Identity,
    /// What it does.
    pub work: Work,
    /// What it reads and is not there, each in a sentence; it cannot be run before.
    pub missing: Vec<String>,
    /// The resolved configuration as TOML.
    pub text: String,
    /// Steps after which its run ends.
    pub steps: u64,
    /// Steps after which it evaluates.
    pub evaluations: Vec<u64>,
    /// Units that are done before it.
    pub needs: Vec<String>,
    /// Unit whose run it goes on with, from a copy.
    pub continues: Option<String>,
    /// True where it is another run from there on.
    pub accepts_changes: bool,
}

impl WorkUnit {
    /// Steps that it does itself, without those of the run that it goes on with.
    pub fn own_steps<'a>(&self, find: impl Fn(&str) -> Option<&'a WorkUnit>) -> u64 {
        let before = self.continues.as_deref().and_then(find).map_or(0, |unit| unit.steps);
        self.steps.saturating_sub(before)
    }
}

/// Paths of a unit within the folder of all units.
#[derive(Debug, Clone)]
pub struct UnitFolder {
    /// The unit's own folder.
    pub root: PathBuf,
}

impl UnitFolder {
    /// The folder of the unit of this name, in the sweep's folder.
    pub fn new(dir: &Path, name: &str) -> Self {
        Self { root: dir.join(UNITS).join(name) }
    }

    /// The run's folder.
    pub fn run(&self) -> PathBuf {
        self.root.join(RUN)
    }

    /// The resolved configuration.
    pub fn config(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// What the unit is.
    pub fn identity(&self) -> PathBuf {
        self.root.join("identity.json")
    }

    /// How far it has come.
    pub fn state(&self) -> PathBuf {
        self.root.join("state.json")
    }

    /// What its processes said.
    pub fn log(&self) -> PathBuf {
        self.root.join("log.txt")
    }

    /// The run's checkpoint after a step.
    pub fn checkpoint(&self, step: u64) -> PathBuf {
        self.run().join("checkpoints").join(format!("step_{step:05}"))
    }
}
