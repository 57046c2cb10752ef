//! How far a unit has come, on disk in `state.json`.

use std::path::Path;

use record::atomic::write_file;
use serde::{Deserialize, Serialize};

use crate::error::SweepError;
use crate::measured::CellState;

/// `state.json` of a unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitState {
    /// How far it has come.
    pub state: CellState,
    /// Last words of a failed unit.
    pub failure: Option<String>,
    /// Seconds of all its processes.
    pub seconds: f64,
}

impl UnitState {
    /// A unit that is not begun.
    pub fn waiting() -> Self {
        Self { state: CellState::Waiting, failure: None, seconds: 0.0 }
    }

    /// Reads a state; that of a unit that is not begun where there is no file.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn read(path: &Path) -> Result<Self, SweepError> {
        match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| SweepError::read(path, error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::waiting()),
            Err(error) => Err(SweepError::read(path, error)),
        }
    }

    /// Writes the state.
    ///
    /// # Errors
    /// The system refuses.
    pub fn write(&self, path: &Path) -> Result<(), SweepError> {
        let bytes = serde_json::to_vec_pretty(self).map_err(|error| SweepError::read(path, error))?;
        Ok(write_file(path, &bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_comes_back_and_a_torn_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        assert_eq!(UnitState::read(&path).unwrap(), UnitState::waiting());
        let state = UnitState { state: CellState::Failed, failure: Some("disk full".into()), seconds: 1.5 };
        state.write(&path).unwrap();
        assert_eq!(UnitState::read(&path).unwrap(), state);
        std::fs::write(&path, "{").unwrap();
        assert!(UnitState::read(&path).unwrap_err().to_string().contains("state.json"));
    }
}
