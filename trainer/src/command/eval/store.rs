//! Where the samples of a set go: a record in a folder, by which the same command goes on after a kill; or memory
//! alone, where nothing is to be written.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use evaluation::{EvaluationRecord, FinishedRecord, Settings, SuiteTasks};
use record::samples::SampleRow;
use serde_json::Value;

use super::EvalArgs;
use crate::failure::Usage;
use crate::held_out::usage;

/// Ending of the folder that lies beside a file of results.
const BESIDE: &str = "evaluation";
/// Seconds of each sample, in a record's folder.
const TIMES: &str = "times.jsonl";

/// Samples that are kept as they end.
pub(super) struct Store {
    place: StoreKind,
    /// When the last sample ended.
    last: Instant,
    seconds: f64,
}

enum StoreKind {
    Record(Box<EvaluationRecord>, PathBuf),
    Memory(Vec<SampleRow>),
}

/// Samples that have all ended.
pub(super) enum Stored {
    Record(FinishedRecord),
    Memory(Vec<SampleRow>),
}

/// The folder of the records, where there is to be one.
pub(super) fn base(args: &EvalArgs) -> Option<PathBuf> {
    let beside = args.json.as_ref().or(args.details.as_ref()).map(|file| file.with_extension(BESIDE));
    args.output.clone().or(beside)
}

/// A folder's name for a set.
fn name_of(name: &str) -> String {
    name.replace(|letter: char| !(letter.is_alphanumeric() || "-_.+@".contains(letter)), "_")
}

/// The folder of a set's record. In the folder that the user names there is one of each name; beside a file of results
/// there is one of each settings, so that others than before go elsewhere.
fn folder(args: &EvalArgs, name: &str, settings: &Settings) -> Option<PathBuf> {
    let base = base(args)?;
    if args.output.is_some() {
        return Some(base.join(name_of(name)));
    }
    let key = settings.key();
    let digits = key.rsplit(':').next().unwrap_or(&key);
    Some(base.join(format!("{}-{}", name_of(name), &digits[..digits.len().min(12)])))
}

impl Store {
    /// Begins a set's samples, or goes on with those that are there.
    ///
    /// # Errors
    /// The record there has other settings, which are named, or a file cannot be read or written.
    pub(super) fn open(args: &EvalArgs, name: &str, settings: &Settings) -> Result<Self> {
        let place = match folder(args, name, settings) {
            Some(folder) => {
                let record = EvaluationRecord::open(&folder, settings).map_err(usage)?;
                StoreKind::Record(Box::new(record), folder)
            }
            None => StoreKind::Memory(Vec::new()),
        };
        Ok(Self { place, last: Instant::now(), seconds: 0.0 })
    }

    /// The samples that are still to be had.
    pub(super) fn missing(&self, tasks: &SuiteTasks) -> Vec<(usize, u32)> {
        match &self.place {
            StoreKind::Record(record, _) => record.missing(tasks),
            StoreKind::Memory(_) => {
                let samples = tasks.suite.protocol.samples as u32;
                (0..tasks.tasks.len()).flat_map(|place| (0..samples).map(move |index| (place, index))).collect()
            }
        }
    }

    /// Lets the clock of the next sample begin now.
    pub(super) fn begin(&mut self) {
        self.last = Instant::now();
    }

    /// Keeps a sample.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn append(&mut self, row: SampleRow) -> Result<()> {
        let seconds = self.last.elapsed().as_secs_f64();
        self.last = Instant::now();
        self.seconds += seconds;
        match &mut self.place {
            StoreKind::Record(record, _) => record.append(&row, seconds)?,
            StoreKind::Memory(rows) => rows.push(row),
        }
        Ok(())
    }

    /// Ends the samples; returns also the seconds that all of them took, those before a kill too.
    ///
    /// # Errors
    /// Samples are missing, or a file cannot be written.
    pub(super) fn finish(self, tasks: &SuiteTasks) -> Result<(Stored, f64)> {
        match self.place {
            StoreKind::Record(record, folder) => {
                let finished = record.finish(tasks)?;
                let seconds = seconds_of(&folder.join(TIMES))?;
                Ok((Stored::Record(finished), seconds))
            }
            StoreKind::Memory(rows) => Ok((Stored::Memory(in_order(rows, tasks)), self.seconds)),
        }
    }
}

fn in_order(rows: Vec<SampleRow>, tasks: &SuiteTasks) -> Vec<SampleRow> {
    let order: std::collections::HashMap<(&str, u32), usize> = tasks.order().zip(0..).collect();
    let mut rows = rows;
    rows.sort_by_key(|row| order.get(&(row.task_id.as_str(), row.sample_index)).copied());
    rows
}

/// The sum of the seconds that a file of times has; a last line without its end is left out.
fn seconds_of(path: &Path) -> Result<f64> {
    let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
    let mut seconds = 0.0;
    for line in BufReader::new(file).lines() {
        let line: Value = serde_json::from_str(&line.with_context(|| path.display().to_string())?).unwrap_or_default();
        seconds += line["seconds"].as_f64().unwrap_or_default();
    }
    Ok(seconds)
}

impl Stored {
    /// The stored samples of a set that are to be judged again, with the settings that were recorded.
    ///
    /// # Errors
    /// A usage error: there are none, or several that the settings fit.
    pub(super) fn again(args: &EvalArgs, name: &str, settings: &Settings) -> Result<(FinishedRecord, Settings)> {
        let base = base(args).ok_or_else(|| {
            Usage::error("--rejudge: say where the samples are, with --output or the --json of before")
        })?;
        let folders = if args.output.is_some() {
            vec![base.join(name_of(name))]
        } else {
            let prefix = format!("{}-", name_of(name));
            let entries = std::fs::read_dir(&base).with_context(|| base.display().to_string())?;
            let entries = entries.filter_map(|entry| entry.ok()).map(|entry| entry.path());
            let is_of_set =
                |path: &PathBuf| path.file_name().is_some_and(|found| found.to_string_lossy().starts_with(&prefix));
            entries.filter(is_of_set).collect()
        };
        let mut found = Vec::new();
        let mut differing = Vec::new();
        for folder in folders {
            let Some(there) = EvaluationRecord::settings(&folder).map_err(usage)? else { continue };
            match there.judged_by(&as_stored(args, settings, &there)) {
                Ok(_) => found.push((folder, there)),
                Err(differences) => differing.extend(differences),
            }
        }
        match <[_; 1]>::try_from(found) {
            Ok([(folder, there)]) => Ok((FinishedRecord::open(&folder).map_err(usage)?, there)),
            Err(found) if found.is_empty() && differing.is_empty() => {
                Err(Usage::error(format!("--rejudge: {} holds no samples of {name}; evaluate first", base.display())))
            }
            Err(found) if found.is_empty() => Err(Usage::error(format!(
                "--rejudge: the samples in {} were made with other settings: {}",
                base.display(),
                differing.join("; ")
            ))),
            Err(found) => Err(Usage::error(format!(
                "--rejudge: {} records in {} fit; name the folder of one with --output, or give the settings that tell \
                 them apart",
                found.len(),
                base.display()
            ))),
        }
    }

    /// The samples, in the order of the tasks.
    ///
    /// # Errors
    /// The record cannot be read.
    pub(super) fn rows(&self) -> Result<Box<dyn Iterator<Item = Result<SampleRow>> + '_>> {
        Ok(match self {
            Self::Record(record) => Box::new(record.rows()?.map(|row| Ok(row?))),
            Self::Memory(rows) => Box::new(rows.iter().cloned().map(Ok)),
        })
    }

    /// The folder of the record, where there is one.
    pub(super) fn folder(&self) -> Option<&Path> {
        match self {
            Self::Record(record) => Some(record.folder()),
            Self::Memory(_) => None,
        }
    }
}

/// The settings as they are now, with the number of completions that another engine gave.
fn as_stored(args: &EvalArgs, settings: &Settings, there: &Settings) -> Settings {
    let mut settings = settings.clone();
    if there.completions.is_some() && args.samples.is_none() {
        settings.protocol.samples = there.protocol.samples;
    }
    settings
}
