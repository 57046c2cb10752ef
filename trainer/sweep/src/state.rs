//! How far a unit has come, on disk in `state.json`.

use std::path::Path;
use std::time::{Duration, Instant};

use record::atomic::write_file;
use serde::{Deserialize, Serialize};

use crate::error::SweepError;
use crate::measured::CellState;

/// Time between two writings of the seconds that a unit has taken: so many are lost where the sweep is killed.
const WRITING: Duration = Duration::from_secs(5);

/// `state.json` of a unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitState {
    /// How far it has come.
    pub state: CellState,
    /// Last words of a failed unit.
    pub failure: Option<String>,
    /// Seconds of all its processes.
    pub seconds: f64,
    /// Programs that ran it, in their order.
    pub programs: Vec<String>,
}

impl UnitState {
    /// A unit that is not begun.
    pub fn waiting() -> Self {
        Self { state: CellState::Waiting, failure: None, seconds: 0.0, programs: Vec::new() }
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

/// Seconds of a process of a unit, written down as they pass.
#[derive(Debug)]
pub(crate) struct RunningSeconds<'a> {
    state: &'a mut UnitState,
    path: &'a Path,
    before: f64,
    started: Instant,
    written: Instant,
}

impl<'a> RunningSeconds<'a> {
    /// Of a process that starts `now`; `path` is the state's file.
    pub(crate) fn start(state: &'a mut UnitState, path: &'a Path, now: Instant) -> Self {
        Self { before: state.seconds, state, path, started: now, written: now }
    }

    /// Writes them where that is due.
    pub(crate) fn look(&mut self, now: Instant) {
        if now.duration_since(self.written) >= WRITING {
            self.written = now;
            // What cannot be written now is written once the process has ended, or is an error then.
            let _ = self.write(now);
        }
    }

    /// Writes those of the process that has ended.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn end(mut self, now: Instant) -> Result<(), SweepError> {
        self.write(now)
    }

    fn write(&mut self, now: Instant) -> Result<(), SweepError> {
        self.state.seconds = self.before + now.duration_since(self.started).as_secs_f64();
        self.state.write(self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_written_as_they_pass() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let mut state = UnitState { seconds: 10.0, ..UnitState::waiting() };
        let begun = Instant::now();
        let mut seconds = RunningSeconds::start(&mut state, &path, begun);
        seconds.look(begun + Duration::from_secs(4));
        assert!(!path.exists());
        seconds.look(begun + Duration::from_secs(6));
        assert_eq!(UnitState::read(&path).unwrap().seconds, 16.0);
        seconds.look(begun + Duration::from_secs(9));
        assert_eq!(UnitState::read(&path).unwrap().seconds, 16.0);
        seconds.end(begun + Duration::from_secs(10)).unwrap();
        assert_eq!((UnitState::read(&path).unwrap().seconds, state.seconds), (20.0, 20.0));
    }

    #[test]
    fn a_state_comes_back_and_a_torn_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        assert_eq!(UnitState::read(&path).unwrap(), UnitState::waiting());
        let failed = UnitState { state: CellState::Failed, failure: Some("disk full".into()), ..UnitState::waiting() };
        let state = UnitState { seconds: 1.5, programs: vec!["trainer 1".into()], ..failed };
        state.write(&path).unwrap();
        assert_eq!(UnitState::read(&path).unwrap(), state);
        std::fs::write(&path, "{").unwrap();
        assert!(UnitState::read(&path).unwrap_err().to_string().contains("state.json"));
    }
}
