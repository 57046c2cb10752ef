//! Files in, rows out: whatever the format, a row is a JSON object, and rows are streamed.
//!
//! JSON Lines, JSON arrays, single JSON objects, CSV, Parquet and Arrow (files and streams) are told apart by their
//! first bytes; text and Arrow streams may be packed as `.gz` or `.zst`. CSV's cells are texts. `cell.rs` says what
//! Arrow's types become. A path may be a folder with splits and shards (`name.rs`).
//!
//! This module knows nothing of tasks, traces or columns' meanings.

mod batches;
mod cell;
mod content;
mod csv_table;
mod file;
mod folder;
mod format;
mod json_lines;
mod json_values;
mod name;
mod parquet_table;
mod place;
mod row;
mod walk;

use std::path::PathBuf;

pub use self::place::{Place, PlaceUnit};
pub use self::row::Row;
pub use self::walk::Rows;
use crate::error::DatasetError;

/// What a caller can say about files beyond their paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The split to read. Where a source has one split alone, it need not be named.
    pub split: Option<String>,
    /// Names of the columns of a CSV file that has no header. `None`: the first row is the header.
    pub columns: Option<Vec<String>>,
}

/// Opens the rows of files and of folders with splits and shards, in the order of [`files_of`].
///
/// # Errors
/// As for [`files_of`]; errors in a file come with its rows.
pub fn open(paths: &[PathBuf], split: Option<&str>) -> Result<Rows, DatasetError> {
    open_with(paths, &Options { split: split.map(str::to_owned), columns: None })
}

/// Opens rows as [`open`] does, with more said about the files.
///
/// # Errors
/// As for [`open`].
pub fn open_with(paths: &[PathBuf], options: &Options) -> Result<Rows, DatasetError> {
    Ok(Rows::new(files_of(paths, options.split.as_deref())?, options.columns.clone()))
}

/// The files that hold the rows, in the order in which they are read.
///
/// Files that are named are read as they are; with a split, those whose names tell another are left out. Of a
/// folder, all files of rows are read, those of its folders among them, in the order of their names with numbers by
/// their value; hidden files and those that describe a data set (`dataset_info.json`) are not.
///
/// # Errors
/// A path is not there; a folder holds no rows, no such split, several splits where none is named, several formats,
/// or lacks shards.
pub fn files_of(paths: &[PathBuf], split: Option<&str>) -> Result<Vec<PathBuf>, DatasetError> {
    folder::files_of(paths, split)
}

/// Of the paths of a folder's files, named from the folder on, those that [`files_of`] would read of it: for a folder
/// that is not here yet. Without a split, those of all splits.
///
/// # Errors
/// There is no such split, in words that name those that there are.
pub fn choose_files(paths: &[PathBuf], split: Option<&str>) -> Result<Vec<PathBuf>, String> {
    folder::chosen_of(paths, split)
}
