//! The seam to the program that trains: it resolves configurations and says by which commands units are run. The
//! sweep knows of it nothing more.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// One phase of every cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// Name, as `stage-1`.
    pub name: String,
    /// Its configuration.
    pub file: PathBuf,
    /// Earlier phases whose last checkpoint it reads, each with the configuration's key.
    pub reads: Vec<(String, String)>,
}

/// A configuration to resolve.
#[derive(Debug)]
pub struct Request<'a> {
    /// Name of the phase.
    pub phase: &'a str,
    /// The configuration's file.
    pub file: &'a Path,
    /// Assignments as `--set` takes them, the sweep's own last.
    pub assignments: &'a [String],
    /// Seed of the cell, from which the phase's follows.
    pub seed: u64,
    /// Folder of all units. What is read from there is told by its path below it, not by its content.
    pub units: &'a Path,
    /// Folder of the generated data, where they are generated.
    pub data: Option<&'a Path>,
}

/// A configuration that was resolved, and is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Value of each key, but for folders and inputs.
    pub config: BTreeMap<String, String>,
    /// Content of each input by its key; of what other units make, its path below the folder of units.
    pub inputs: BTreeMap<String, String>,
    /// What it reads and is not there, each in a sentence with the key. It can be planned, and not run.
    pub missing: Vec<String>,
    /// The whole configuration as TOML.
    pub text: String,
    /// Steps of the run; 0 of what has none.
    pub steps: u64,
    /// Steps after which it evaluates.
    pub evaluations: Vec<u64>,
    /// Names of the held-out datasets and suites that an evaluation measures.
    pub datasets: Vec<String>,
    /// Keys of training that decide evaluations too.
    pub shared: Vec<SharedKey>,
    /// Beginnings of metrics that such a run does not record, each with the reason.
    pub unrecorded: Vec<(String, String)>,
}

/// A key of training that, as the configuration stands, decides evaluations too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedKey {
    /// The key, or the section that holds all such keys.
    pub key: String,
    /// The key that gives evaluations a value of their own; none where there is no such key.
    pub own: Option<String>,
}

impl SharedKey {
    /// True for the key itself, and for those below it.
    pub(crate) fn covers(&self, key: &str) -> bool {
        key.strip_prefix(self.key.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

/// What is to be started for a unit.
#[derive(Debug)]
pub struct Start<'a> {
    /// Name of the phase.
    pub phase: &'a str,
    /// The resolved configuration.
    pub config: &'a Path,
    /// Folder of the run.
    pub run: &'a Path,
    /// Further arguments of the sweep's file.
    pub arguments: &'a [String],
    /// Step after which the run stops.
    pub until: Option<u64>,
    /// True where the run goes on with another configuration than it was begun with.
    pub accepts_changes: bool,
}

/// The program that trains.
pub trait Program: Sync {
    /// Name, version and content, which are part of every unit: two that differ may compute other numbers.
    ///
    /// # Errors
    /// Its file cannot be read.
    fn version(&self) -> Result<String, String>;

    /// Resolves and validates a configuration.
    ///
    /// # Errors
    /// What is wrong, with file, key and remedy.
    fn resolve(&self, request: &Request<'_>) -> Result<Resolved, String>;

    /// Content of each input of a unit's resolved configuration as it is now, by the keys and in the words of
    /// [`Resolved::inputs`].
    ///
    /// # Errors
    /// Something that is there cannot be read.
    fn inputs(&self, phase: &str, text: &str, units: &Path) -> Result<BTreeMap<String, String>, String>;

    /// Configuration of the data that are generated before the first phase; none where nothing is generated.
    fn generated(&self) -> Option<BTreeMap<String, String>>;

    /// Generates the data into a folder that is there.
    ///
    /// # Errors
    /// What the system refuses.
    fn generate(&self, folder: &Path) -> Result<(), String>;

    /// The command that runs a unit, the program first. The same command goes on with what is begun.
    fn command(&self, start: &Start<'_>) -> Vec<OsString>;
}
