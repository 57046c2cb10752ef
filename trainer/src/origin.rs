//! Records of a data source with the places where they stand, for errors that are found after they were read.

use std::path::PathBuf;

use anyhow::Result;
use datasets::{DatasetError, PreferencePair, Task, Trace, line_of, read_preferences, read_tasks, read_traces};

use crate::config::SourceSection;
use crate::failure::Usage;

/// Where the records of a source stand.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    paths: Vec<PathBuf>,
}

/// The records of a source.
#[derive(Debug)]
pub(crate) struct SourceRecords<T> {
    pub records: Vec<T>,
    pub origin: Origin,
}

impl Origin {
    /// The source's files, as they are named.
    pub(crate) fn files(&self) -> String {
        self.paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    }

    /// A usage error about one of the source's records.
    pub(crate) fn error(&self, noun: &str, id: &str, error: &anyhow::Error) -> anyhow::Error {
        let found = self.paths.iter().find_map(|path| line_of(path, id).map(|line| (path, line)));
        let place = found.map_or_else(|| self.files(), |(path, line)| format!("{}, line {line}", path.display()));
        Usage::error(format!("{place}: {noun} {id}: {error:#}"))
    }
}

/// The tasks of a source.
///
/// # Errors
/// A file cannot be read, or a row is no task (file and row are named).
pub(crate) fn tasks_of(source: &SourceSection) -> Result<SourceRecords<Task>> {
    records(source, read_tasks)
}

/// The traces of a source.
///
/// # Errors
/// A file cannot be read, or a row is no trace (file and row are named).
pub(crate) fn traces_of(source: &SourceSection) -> Result<SourceRecords<Trace>> {
    records(source, read_traces)
}

/// The preference pairs of a source.
///
/// # Errors
/// A file cannot be read, or a row is no pair (file and row are named).
pub(crate) fn preferences_of(source: &SourceSection) -> Result<SourceRecords<PreferencePair>> {
    records(source, read_preferences)
}

fn records<T>(
    source: &SourceSection,
    read: impl Fn(&std::path::Path) -> Result<Vec<T>, DatasetError>,
) -> Result<SourceRecords<T>> {
    let mut records = Vec::new();
    for path in &source.path.0 {
        records.extend(read(path)?);
    }
    records.truncate(source.limit.unwrap_or(usize::MAX));
    Ok(SourceRecords { records, origin: Origin { paths: source.path.0.clone() } })
}
