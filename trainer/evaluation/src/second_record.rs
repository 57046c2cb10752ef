//! The verdicts of samples that are being judged again: their log and the table grow beside the stored ones, on a
//! thread of their own, and take their places once all are there. What was sampled is not written once more: it stays
//! in its log, and its columns in the table are copied as they are encoded.
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
use record::samples::{SampleLines, SampleVerdicts, write_samples, write_samples_under};

use crate::error::EvaluationError;
use crate::record_files::{SAMPLES, SETTINGS, TABLE as STORED_TABLE, VERDICTS};

/// A file of the record under the name that it grows by, and under its own.
type Name = (&'static str, &'static str);
const LOG: Name = ("verdicts-again.jsonl", VERDICTS);
const TABLE: Name = ("samples-again.parquet", STORED_TABLE);
const NEW_SETTINGS: Name = ("settings-again.json", SETTINGS);
/// Chunks that may wait to be written: the judging goes on meanwhile, and memory stays bounded.
const WAITING: usize = 2;

/// A log and a table under way.
#[derive(Debug)]
pub(crate) struct SecondRecord {
    folder: PathBuf,
    chunks: SyncSender<Vec<SampleVerdicts>>,
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
        let of_record = folder.to_owned();
        let writer = std::thread::spawn(move || write(&of_record, log, receiver));
        Ok(Self { folder: folder.to_owned(), chunks, writer })
    }

    /// Hands on the next samples; false where writing has failed, of which [`finish`](Self::finish) says why.
    #[must_use]
    pub(crate) fn push(&self, chunk: Vec<SampleVerdicts>) -> bool {
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

/// Writes log and table of a record in `folder`.
fn write(folder: &Path, log: Log, chunks: Receiver<Vec<SampleVerdicts>>) -> Result<(), RecordError> {
    let (log_path, table) = (log.path.clone(), folder.join(TABLE.0));
    let mut verdicts = verdicts(log, chunks);
    if write_samples_under(&table, &folder.join(STORED_TABLE), &mut verdicts)? {
        return Ok(());
    }
    // No table is there, or one of other columns or samples: it is made anew of what stands in the logs.
    verdicts.try_for_each(|verdicts| verdicts.map(drop))?;
    write_samples(&table, SampleLines::open(&folder.join(SAMPLES), Some(&log_path))?.map(|line| line?.row()))
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

    /// Writes a line for each of these samples, and hands them to the system.
    fn append(&mut self, chunk: &[SampleVerdicts]) -> Result<(), RecordError> {
        let mut lines = chunk.iter().map(|verdicts| {
            serde_json::to_writer(&mut self.file, verdicts)?;
            self.file.write_all(b"\n")
        });
        let written = lines.try_for_each(|line| line).and_then(|()| self.file.flush());
        written.map_err(|error| write_error(&self.path, error))
    }
}

/// The verdicts of the chunks as they come, each once its line stands in the log.
fn verdicts(
    mut log: Log,
    chunks: Receiver<Vec<SampleVerdicts>>,
) -> impl Iterator<Item = Result<SampleVerdicts, RecordError>> {
    chunks.into_iter().flat_map(move |chunk| {
        let failure = log.append(&chunk).err();
        let verdicts = if failure.is_some() { Vec::new() } else { chunk };
        failure.map(Err).into_iter().chain(verdicts.into_iter().map(Ok))
    })
}
