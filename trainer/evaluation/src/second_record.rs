//! The record of samples that are being judged again: log and table grow beside the stored ones, on a thread of their
//! own, and take their places once all samples are there.
//!
//! The new settings are written beside them once log and table are whole, and only then the three are renamed: log,
//! table, settings. As long as the new settings are there, a process was killed between two renames, and whoever opens
//! the record [ends them](take_places).

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use record::RecordError;
use record::atomic::{remove_if_there, write_error, write_file};
use record::samples::{SampleLine, SampleRow, write_samples};

use crate::error::EvaluationError;
use crate::record_files::{SAMPLES, SETTINGS, TABLE as STORED_TABLE};

/// A file of the record under the name that it grows by, and under its own.
type Name = (&'static str, &'static str);
const LOG: Name = ("samples-again.jsonl", SAMPLES);
const TABLE: Name = ("samples-again.parquet", STORED_TABLE);
const NEW_SETTINGS: Name = ("settings-again.json", SETTINGS);
/// Chunks that may wait to be written: the judging goes on meanwhile, and memory stays bounded.
const WAITING: usize = 2;

/// A sample with the line that says it.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) row: Box<SampleRow>,
    pub(crate) line: SampleLine,
}

/// A log and a table under way.
#[derive(Debug)]
pub(crate) struct SecondRecord {
    folder: PathBuf,
    chunks: SyncSender<Vec<Written>>,
    writer: JoinHandle<Result<(), RecordError>>,
}

impl SecondRecord {
    /// Begins both in `folder`, which is locked for this process; what an earlier attempt left there is removed.
    pub(crate) fn begin(folder: &Path) -> Result<Self, EvaluationError> {
        take_places(folder)?;
        for (name, _) in [LOG, TABLE] {
            let path = folder.join(name);
            remove_if_there(&path).map_err(|error| EvaluationError::write(&path, error))?;
        }
        let log = Log::begin(&folder.join(LOG.0))?;
        let (chunks, receiver) = sync_channel(WAITING);
        let table = folder.join(TABLE.0);
        let writer = std::thread::spawn(move || write_samples(&table, rows(log, receiver)));
        Ok(Self { folder: folder.to_owned(), chunks, writer })
    }

    /// Hands on the next samples; false where writing has failed, of which [`finish`](Self::finish) says why.
    #[must_use]
    pub(crate) fn push(&self, chunk: Vec<Written>) -> bool {
        self.chunks.send(chunk).is_ok()
    }

    /// Waits until all is written and puts log, table and these settings in the places of the record's.
    pub(crate) fn finish(self, settings: &[u8]) -> Result<(), EvaluationError> {
        let Self { folder, chunks, writer } = self;
        drop(chunks);
        // A panic of the writer goes on in whoever waits for it.
        writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        for (name, _) in [LOG, TABLE] {
            let path = folder.join(name);
            let flushed = File::open(&path).and_then(|file| file.sync_all());
            flushed.map_err(|error| EvaluationError::write(&path, error))?;
        }
        write_file(&folder.join(NEW_SETTINGS.0), settings)?;
        take_places(&folder)
    }
}

/// True where renames are under way in a folder.
pub(crate) fn is_under_way(folder: &Path) -> bool {
    folder.join(NEW_SETTINGS.0).is_file()
}

/// Where the settings stand that hold once the renames have ended.
pub(crate) fn new_settings(folder: &Path) -> PathBuf {
    folder.join(NEW_SETTINGS.0)
}

/// Ends the renames that are under way in a folder, which is locked for this process; nothing where none are.
pub(crate) fn take_places(folder: &Path) -> Result<(), EvaluationError> {
    if !is_under_way(folder) {
        return Ok(());
    }
    for (name, place) in [LOG, TABLE, NEW_SETTINGS] {
        match fs::rename(folder.join(name), folder.join(place)) {
            // It was renamed before the process ended.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed.map_err(|error| EvaluationError::write(folder.join(place), error))?,
        }
    }
    Ok(())
}

/// The log that grows.
struct Log {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Log {
    fn begin(path: &Path) -> Result<Self, EvaluationError> {
        let file = File::create(path).map_err(|error| EvaluationError::write(path, error))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::with_capacity(1 << 20, file) })
    }

    /// Writes the lines of some samples, and hands them to the system.
    fn append(&mut self, chunk: &[Written]) -> Result<(), RecordError> {
        let mut lines = chunk.iter().map(|sample| self.file.write_all(sample.line.bytes()));
        let written = lines.try_for_each(|line| line).and_then(|()| self.file.flush());
        written.map_err(|error| write_error(&self.path, error))
    }
}

/// The rows of the chunks as they come, each once its line stands in the log.
fn rows(mut log: Log, chunks: Receiver<Vec<Written>>) -> impl Iterator<Item = Result<SampleRow, RecordError>> {
    chunks.into_iter().flat_map(move |chunk| {
        let failure = log.append(&chunk).err();
        let rows = if failure.is_some() { Vec::new() } else { chunk };
        failure.map(Err).into_iter().chain(rows.into_iter().map(|sample| Ok(*sample.row)))
    })
}
