//! Records of a data source with the places where they stand, for errors that are found after they were read.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use datasets::layout::Layout;
use datasets::rows::Place;
use datasets::{DataSource, DatasetError, Loaded, PreferencePair, Task, Trace, Unreadable};

use crate::config::SourceSection;
use crate::failure::Usage;

/// Most rows that an error lists.
const NAMED: usize = 5;

/// Where the records of a source stand. Clones share the places.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    files: String,
    places: Arc<HashMap<String, Place>>,
}

/// The records of a source.
#[derive(Debug)]
pub(crate) struct SourceRecords<T> {
    pub records: Vec<T>,
    pub origin: Origin,
    /// The layout by which the rows were read.
    pub layout: Arc<Layout>,
}

impl Origin {
    /// The places of records with these ids.
    pub(crate) fn new<'a>(source: &DataSource, ids: impl Iterator<Item = &'a str>, places: Vec<Place>) -> Self {
        let places = ids.map(str::to_owned).zip(places).collect();
        Self { places: Arc::new(places), ..Self::of_files(&source.paths) }
    }

    /// Of records whose rows are not known.
    pub(crate) fn of_files(paths: &[PathBuf]) -> Self {
        let files: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        Self { files: files.join(", "), places: Arc::default() }
    }

    /// The source's files, as they are named.
    pub(crate) fn files(&self) -> &str {
        &self.files
    }

    /// The place of a record, where it is known.
    pub(crate) fn place(&self, id: &str) -> Option<&Place> {
        self.places.get(id)
    }

    /// A usage error about one of the source's records.
    pub(crate) fn error(&self, noun: &str, id: &str, error: &anyhow::Error) -> anyhow::Error {
        let place = self.place(id).map_or_else(|| self.files.clone(), Place::to_string);
        Usage::error(format!("{place}: {noun} {id}: {error:#}"))
    }
}

/// A source of the configuration as a source of data.
pub(crate) fn data_source(section: &SourceSection) -> DataSource {
    DataSource {
        layout: section.layout.as_ref().map(|layout| layout.display().to_string()),
        set: section.set.clone(),
        split: section.split.clone(),
        filter: section.filter.clone(),
        limit: section.limit,
        ..DataSource::new(&section.path.0)
    }
}

/// The tasks of a source.
///
/// # Errors
/// A file cannot be read, or rows are no tasks (file and row are named).
pub(crate) fn tasks_of(source: &DataSource) -> Result<SourceRecords<Task>> {
    whole(source, source.tasks(), |task| &task.id)
}

/// The traces of a source.
///
/// # Errors
/// A file cannot be read, or rows are no traces (file and row are named).
pub(crate) fn traces_of(source: &DataSource) -> Result<SourceRecords<Trace>> {
    whole(source, source.traces(), |trace| &trace.id)
}

/// The preference pairs of a source.
///
/// # Errors
/// A file cannot be read, or rows are no pairs (file and row are named).
pub(crate) fn preferences_of(source: &DataSource) -> Result<SourceRecords<PreferencePair>> {
    whole(source, source.preferences(), |pair| &pair.id)
}

/// The records where every row could be read; what was left out is said.
fn whole<T>(
    source: &DataSource,
    loaded: Result<Loaded<T>, DatasetError>,
    id: fn(&T) -> &str,
) -> Result<SourceRecords<T>> {
    let loaded = loaded.map_err(|error| match error.is_of_input() {
        true => Usage::error(error.to_string()),
        false => error.into(),
    })?;
    if !loaded.unreadable.is_empty() {
        return Err(unreadable(&loaded.unreadable, loaded.num_rows));
    }
    let layout = loaded.layout.clone();
    let origin = Origin::new(source, loaded.records.iter().map(id), loaded.places);
    if !layout.is_own {
        tracing::info!(files = origin.files(), "read by the layout {}: {}", layout.name, layout.about);
    }
    if !loaded.duplicates.is_empty() {
        let (num_duplicates, num_rows) = (loaded.duplicates.len(), loaded.num_rows);
        tracing::warn!(files = origin.files(), "{num_duplicates} of {num_rows} rows are others again, and left out");
    }
    if loaded.records.is_empty() {
        return Err(Usage::error(format!("{}: no row is left", origin.files())));
    }
    Ok(SourceRecords { records: loaded.records, origin, layout })
}

/// A usage error that names the first rows that cannot be read.
pub(crate) fn unreadable(rows: &[Unreadable], num_rows: u64) -> anyhow::Error {
    let first = rows.iter().take(NAMED).map(|row| format!("\n  {}: {}", row.place, row.problem));
    let more = if rows.len() > NAMED { format!("\n  and {} more", rows.len() - NAMED) } else { String::new() };
    let list: String = first.collect();
    Usage::error(format!(
        "{} of {num_rows} rows cannot be read; mend them, or leave them out with a filter:{list}{more}",
        rows.len()
    ))
}
