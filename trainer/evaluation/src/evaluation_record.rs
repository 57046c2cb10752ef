//! The folder of an evaluation that is under way or has ended.
//!
//! | file | content |
//! | --- | --- |
//! | `settings.json` | what runs: the key by which the same command goes on |
//! | `samples.jsonl` | a line a sample, written as it ends; in the order of the tasks once all have ended |
//! | `verdicts.jsonl` | once they were judged again: a line for each of the samples', with the verdicts that hold |
//! | `times.jsonl` | seconds of each sample, which are no part of the record: they are never the same twice |
//! | `samples.parquet` | the same samples as a table |
//! | `results.json` | the figures |
//! | `*-again.*` | what comes of judging again, until it takes the places of what was there |

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use record::RecordError;
use record::atomic::{remove_if_there, write_file};
use record::lock::FolderLock;
use record::samples::{SampleLines, SampleLog, SampleRow, write_samples};
use serde_json::json;

use crate::error::EvaluationError;
use crate::record_files::{SAMPLES, SETTINGS, TABLE, TIMES, VERDICTS};
use crate::second_record::{SecondRecord, is_under_way, new_settings, take_places};
use crate::settings::Settings;
use crate::suite_tasks::SuiteTasks;

/// The record of one suite's evaluation, open for writing by this process alone.
#[derive(Debug)]
pub struct EvaluationRecord {
    folder: PathBuf,
    log: SampleLog,
    times: File,
    _lock: FolderLock,
}

impl EvaluationRecord {
    /// Begins the record in `folder`, or goes on with the one that is there.
    ///
    /// # Errors
    /// The record there was made with other settings, which are named; another process writes it; or a file cannot be
    /// read or written.
    pub fn open(folder: &Path, settings: &Settings) -> Result<Self, EvaluationError> {
        std::fs::create_dir_all(folder).map_err(|error| EvaluationError::write(folder, error))?;
        let lock = FolderLock::take(folder)?;
        take_places(folder)?;
        match read_settings(&folder.join(SETTINGS))? {
            Some(there) => {
                let differences = settings.differences(&there);
                if !differences.is_empty() {
                    return Err(EvaluationError::OtherSettings { path: folder.to_owned(), differences });
                }
            }
            None => write_settings(folder, settings)?,
        }
        join_verdicts(folder)?;
        let log = SampleLog::open(&folder.join(SAMPLES))?;
        let times = OpenOptions::new().append(true).create(true).open(folder.join(TIMES));
        let times = times.map_err(|error| EvaluationError::write(folder.join(TIMES), error))?;
        Ok(Self { folder: folder.to_owned(), log, times, _lock: lock })
    }

    /// The settings of the record in `folder`, where there is one. Verdicts that were about to take the places of older
    /// ones when their process ended take them first.
    ///
    /// # Errors
    /// The file cannot be read, or another cannot be renamed.
    pub fn settings(folder: &Path) -> Result<Option<Settings>, EvaluationError> {
        if is_under_way(folder) {
            match FolderLock::take(folder) {
                Ok(_lock) => take_places(folder)?,
                // Another process is at it, or this one may not write: what will hold is known all the same.
                Err(_) => {
                    if let Some(settings) = read_settings(&new_settings(folder))? {
                        return Ok(Some(settings));
                    }
                }
            }
        }
        read_settings(&folder.join(SETTINGS))
    }

    /// Number of samples that are there.
    pub fn num_done(&self) -> usize {
        self.log.len()
    }

    /// The samples that are still to be had: the task's place and the completion's place among its own.
    pub fn missing(&self, tasks: &SuiteTasks) -> Vec<(usize, u32)> {
        let samples = tasks.suite.protocol.samples as u32;
        let each = tasks.tasks.iter().enumerate();
        let all = each.flat_map(|(place, task)| (0..samples).map(move |index| (place, task, index)));
        let missing = all.filter(|(_, task, index)| !self.log.contains(&task.task.id, *index));
        missing.map(|(place, _, index)| (place, index)).collect()
    }

    /// Writes a sample as it ends, and its seconds beside the record.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn append(&mut self, row: &SampleRow, seconds: f64) -> Result<(), EvaluationError> {
        self.log.append(row)?;
        let line = json!({"task_id": row.task_id, "sample_index": row.sample_index, "seconds": seconds});
        let written = self.times.write_all(format!("{line}\n").as_bytes());
        written.map_err(|error| EvaluationError::write(self.folder.join(TIMES), error))
    }

    /// Ends the record: the samples in the order of the tasks, and the same as a table. The bytes are those of an
    /// evaluation that was never interrupted.
    ///
    /// # Errors
    /// Samples are missing, which are counted; or a file cannot be written.
    pub fn finish(self, tasks: &SuiteTasks) -> Result<FinishedRecord, EvaluationError> {
        let missing = self.missing(tasks);
        if let Some((place, index)) = missing.first() {
            let id = &tasks.tasks[*place].task.id;
            let problem = format!(
                "{} of {} samples are missing, the first is {index} of task {id}",
                missing.len(),
                tasks.num_samples()
            );
            return Err(EvaluationError::tasks(&tasks.suite.name, problem));
        }
        let Self { folder, log, _lock: lock, .. } = self;
        log.finish(tasks.order())?;
        let finished = FinishedRecord { folder, _lock: Some(lock) };
        finished.write_table(&finished.folder.join(TABLE))?;
        Ok(finished)
    }
}

/// The record of an evaluation that has ended.
#[derive(Debug)]
pub struct FinishedRecord {
    folder: PathBuf,
    _lock: Option<FolderLock>,
}

impl FinishedRecord {
    /// The record in `folder`, to be read, or to be judged again.
    ///
    /// # Errors
    /// There is none, or another process writes it.
    pub fn open(folder: &Path) -> Result<Self, EvaluationError> {
        if !folder.join(SAMPLES).is_file() {
            return Err(EvaluationError::file(folder, None, "there are no stored samples: evaluate first"));
        }
        let lock = FolderLock::take(folder)?;
        take_places(folder)?;
        Ok(Self { folder: folder.to_owned(), _lock: Some(lock) })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The samples, in the order of their lines, under the verdicts that hold.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn rows(&self) -> Result<impl Iterator<Item = Result<SampleRow, RecordError>> + use<>, EvaluationError> {
        Ok(self.lines()?.map(|line| line?.row()))
    }

    /// The lines of the samples, not yet read.
    pub(crate) fn lines(&self) -> Result<SampleLines, EvaluationError> {
        sample_lines(&self.folder)
    }

    /// Writes the samples as a table.
    ///
    /// # Errors
    /// The samples cannot be read, or the table cannot be written.
    pub fn write_table(&self, path: &Path) -> Result<(), EvaluationError> {
        Ok(write_samples(path, self.rows()?)?)
    }

    /// The settings of the record with the judging of `settings`, which must be of the same samples.
    pub(crate) fn settings_judged_again(&self, settings: &Settings) -> Result<Settings, EvaluationError> {
        let there = read_settings(&self.folder.join(SETTINGS))?;
        let there = there.ok_or_else(|| EvaluationError::file(self.folder.join(SETTINGS), None, "it is not there"))?;
        there
            .judged_by(settings)
            .map_err(|differences| EvaluationError::OtherSettings { path: self.folder.clone(), differences })
    }

    /// Puts the samples that were judged again in the place of those that were stored.
    pub(crate) fn end_again(&self, again: SecondRecord, settings: &Settings) -> Result<(), EvaluationError> {
        again.finish(&settings_text(&self.folder, settings)?)
    }
}

/// The lines of a record's samples, with their verdicts where those stand in a file of their own.
fn sample_lines(folder: &Path) -> Result<SampleLines, EvaluationError> {
    let verdicts = folder.join(VERDICTS);
    Ok(SampleLines::open(&folder.join(SAMPLES), verdicts.is_file().then_some(verdicts.as_path()))?)
}

/// Writes verdicts that stand in a file of their own into the log, so that more samples may follow. A process that is
/// killed within leaves what can be joined once more.
fn join_verdicts(folder: &Path) -> Result<(), EvaluationError> {
    let (samples, verdicts) = (folder.join(SAMPLES), folder.join(VERDICTS));
    if !verdicts.is_file() {
        return Ok(());
    }
    SampleLog::write(&samples, sample_lines(folder)?.map(|line| line?.row()))?;
    remove_if_there(&verdicts).map_err(|error| EvaluationError::write(&verdicts, error))
}

fn write_settings(folder: &Path, settings: &Settings) -> Result<(), EvaluationError> {
    Ok(write_file(&folder.join(SETTINGS), &settings_text(folder, settings)?)?)
}

fn settings_text(folder: &Path, settings: &Settings) -> Result<Vec<u8>, EvaluationError> {
    let failed = |error: serde_json::Error| EvaluationError::file(folder.join(SETTINGS), None, error.to_string());
    serde_json::to_vec_pretty(settings).map_err(failed)
}

fn read_settings(path: &Path) -> Result<Option<Settings>, EvaluationError> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| EvaluationError::file(path, None, format!("no settings of an evaluation: {error}"))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(EvaluationError::read(path, error)),
    }
}
