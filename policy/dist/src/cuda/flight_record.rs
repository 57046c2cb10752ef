//! c10d's flight recorder: the last operations of all NCCL groups of this process, as c10d itself saw them, written
//! into a folder when one of them fails.
//!
//! Of a rank there are two files: `rank_N`, pickled, which PyTorch's `torchfrtrace -p rank_ FOLDER` puts beside those
//! of the other ranks, and `readable_N.json` for whoever has no Python.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::library::Cuda;

/// Longest wait for the recorder, which takes locks that an operation which hangs may hold.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the record of this process goes, once.
#[derive(Debug, Default)]
pub(crate) struct FlightRecord(Mutex<Option<(Cuda, PathBuf, usize)>>);

impl FlightRecord {
    /// Has rank `rank`'s record written to `folder` at the first failure.
    pub(crate) fn keep_in(&self, cuda: Cuda, folder: PathBuf, rank: usize) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((cuda, folder, rank));
    }

    /// Writes the record where that was asked for and has not been done. What cannot be written is left out: the
    /// failure that is at hand counts.
    pub(crate) fn write(&self) {
        let Some((cuda, folder, rank)) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || {
            let _ = write(cuda, &folder, rank);
            let _ = done.send(());
        });
        let _ = is_done.recv_timeout(PATIENCE);
    }
}

fn write(cuda: Cuda, folder: &Path, rank: usize) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    for (name, as_json) in [(format!("rank_{rank}"), false), (format!("readable_{rank}.json"), true)] {
        let record = cuda.0.flight_record(as_json).map_err(|failure| std::io::Error::other(failure.message))?;
        fs::write(folder.join(name), record)?;
    }
    Ok(())
}
