//! Files in, rows out: whatever the format, a row is a JSON object, and rows are streamed.
//!
//! This module knows nothing of tasks, traces or columns' meanings.

mod file;
mod json_lines;
mod place;
mod row;

use std::path::PathBuf;

use crate::error::DatasetError;

pub use self::place::{Place, PlaceUnit};
pub use self::row::{Row, Rows};

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
/// # Errors
/// A path is not there.
pub fn files_of(paths: &[PathBuf], _split: Option<&str>) -> Result<Vec<PathBuf>, DatasetError> {
    for path in paths {
        path.metadata().map_err(|source| DatasetError::Read { path: path.clone(), source })?;
    }
    Ok(paths.to_vec())
}
