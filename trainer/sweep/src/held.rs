//! `sweep.json` of a sweep's folder: by which program its units are named, its cells in the order in which they were
//! planned, and what was to be compared. Must not know how a plan is made.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use record::atomic::write_file;
use serde::{Deserialize, Serialize};

use crate::design::DesignChange;
use crate::error::SweepError;

/// Version of the layout.
const SCHEMA: u64 = 2;
/// Name of the file.
const FILE: &str = "sweep.json";

/// `sweep.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Held {
    schema: u64,
    /// Name of the sweep.
    pub name: String,
    /// Version of the program that came first, by which all units are named.
    pub version: String,
    /// Versions that were accepted after it, in their order.
    pub accepted: Vec<String>,
    /// What is compared, and how, by its keys.
    pub design: BTreeMap<String, String>,
    /// What of that was changed after cells had run, in the order of the changes.
    pub changes: Vec<DesignChange>,
    /// Cells, in the order in which they were first planned.
    pub cells: Vec<HeldCell>,
}

/// A cell as the folder holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct HeldCell {
    pub arm: String,
    pub seed: u64,
    pub hash: String,
    pub units: Vec<String>,
}

impl Held {
    /// What a folder holds that holds nothing yet.
    pub(crate) fn new(name: &str, version: &str) -> Self {
        Self {
            schema: SCHEMA,
            name: name.to_owned(),
            version: version.to_owned(),
            accepted: Vec::new(),
            design: BTreeMap::new(),
            changes: Vec::new(),
            cells: Vec::new(),
        }
    }

    /// Reads the file of a folder; nothing where there is none.
    ///
    /// # Errors
    /// The file cannot be read, or is of another version.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>, SweepError> {
        let path = Self::path(dir);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SweepError::read(path, error)),
        };
        let fail = |error: serde_json::Error| SweepError::read(&path, error);
        let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(fail)?;
        match value["schema"].as_u64() {
            Some(SCHEMA) => serde_json::from_value(value).map(Some).map_err(fail),
            other => {
                let schema = other.map_or("no schema".to_owned(), |schema| format!("schema {schema}"));
                Err(SweepError::Folder(format!(
                    "{}: {FILE} has {schema}, and this version reads {SCHEMA}: name another folder as `dir`",
                    dir.display()
                )))
            }
        }
    }

    /// Writes the file, unless it is as it was.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), SweepError> {
        let path = Self::path(dir);
        let bytes = serde_json::to_vec_pretty(self).map_err(|error| SweepError::read(&path, error))?;
        if std::fs::read(&path).is_ok_and(|old| old == bytes) {
            return Ok(());
        }
        Ok(write_file(&path, &bytes)?)
    }

    /// True where a program is one of those by which the folder's units may be run.
    pub(crate) fn knows(&self, version: &str) -> bool {
        self.version == version || self.accepted.iter().any(|accepted| accepted == version)
    }

    /// Place of a cell among those that are planned; none of one that is new.
    pub(crate) fn place_of(&self, arm: &str, seed: u64) -> Option<usize> {
        self.cells.iter().position(|cell| cell.arm == arm && cell.seed == seed)
    }

    fn path(dir: &Path) -> PathBuf {
        dir.join(FILE)
    }
}
