//! The record of samples that are being judged again: log and table grow beside the stored ones, on a thread of their
//! own, and take their places once all samples are there.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use record::RecordError;
use record::atomic::remove_if_there;
use record::samples::{SampleLine, SampleLog, SampleRow, write_samples};

use crate::error::EvaluationError;

const LOG: &str = "samples-again.jsonl";
const TABLE: &str = "samples-again.parquet";
/// Chunks that may wait to be written: the judging goes on meanwhile, and memory stays bounded.
const WAITING: usize = 2;

/// A sample with the line that says it.
pub(crate) type Written = (SampleRow, SampleLine);

/// A log and a table under way.
#[derive(Debug)]
pub(crate) struct SecondRecord {
    folder: PathBuf,
    chunks: SyncSender<Vec<Written>>,
    writer: JoinHandle<Result<(), RecordError>>,
}

impl SecondRecord {
    /// Begins both in `folder`; what an earlier attempt left there is removed.
    pub(crate) fn begin(folder: &Path) -> Result<Self, EvaluationError> {
        for name in [LOG, TABLE] {
            let path = folder.join(name);
            remove_if_there(&path).map_err(|error| EvaluationError::write(&path, error))?;
        }
        let log = SampleLog::open(&folder.join(LOG))?;
        let (chunks, receiver) = sync_channel(WAITING);
        let table = folder.join(TABLE);
        let writer = std::thread::spawn(move || write_samples(&table, rows(log, receiver)));
        Ok(Self { folder: folder.to_owned(), chunks, writer })
    }

    /// The log, as errors name it.
    pub(crate) fn log_path(&self) -> Arc<Path> {
        self.folder.join(LOG).into()
    }

    /// Hands on the next samples; false where writing has failed, of which [`finish`](Self::finish) says why.
    #[must_use]
    pub(crate) fn push(&self, chunk: Vec<Written>) -> bool {
        self.chunks.send(chunk).is_ok()
    }

    /// Waits until all is written and puts log and table in the places of those at `log` and `table`.
    pub(crate) fn finish(self, log: &Path, table: &Path) -> Result<(), EvaluationError> {
        let Self { folder, chunks, writer } = self;
        drop(chunks);
        // A panic of the writer goes on in whoever waits for it.
        writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        for (name, place) in [(LOG, log), (TABLE, table)] {
            std::fs::rename(folder.join(name), place).map_err(|error| EvaluationError::write(place, error))?;
        }
        Ok(())
    }
}

/// The rows of the chunks as they come, each once its line stands in the log.
fn rows(mut log: SampleLog, chunks: Receiver<Vec<Written>>) -> impl Iterator<Item = Result<SampleRow, RecordError>> {
    chunks.into_iter().flat_map(move |chunk| {
        let failure = log.append_lines(&chunk).err();
        let rows = if failure.is_some() { Vec::new() } else { chunk };
        failure.map(Err).into_iter().chain(rows.into_iter().map(|(row, _)| Ok(row)))
    })
}
