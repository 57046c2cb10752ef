//! The files of a source that are read by a layout.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::error::DatasetError;
use crate::layout::Layout;
use crate::rows::{self, Options, Rows};

/// Opens the rows. Where no split is named, that of the layout is read of a folder with several.
pub(super) fn open(paths: &[PathBuf], split: Option<&str>, layout: &Layout) -> Result<Rows, DatasetError> {
    // A split that a column says is none of the folder's.
    let split = split.filter(|_| layout.split_column.is_none());
    let files = rows::files_of(paths, split).or_else(|error| match (split, &layout.split) {
        (None, Some(usual)) => rows::files_of(paths, Some(usual)).map_err(|_| error),
        _ => Err(error),
    })?;
    let files = without_joined(files, layout);
    rows::open_with(&files, &Options { split: None, columns: layout.columns.clone() })
}

/// The files but those that the layout reads beside another.
fn without_joined(files: Vec<PathBuf>, layout: &Layout) -> Vec<PathBuf> {
    let joined: HashSet<PathBuf> = files.iter().filter_map(|file| layout.joined_file(file)).collect();
    let is_apart = |file: &PathBuf| !joined.contains(file) && !is_in_folder_of(file, &joined);
    files.into_iter().filter(is_apart).collect()
}

/// True where the file's folder holds a file that is read beside another: it belongs to one that is not there.
fn is_in_folder_of(file: &Path, joined: &HashSet<PathBuf>) -> bool {
    joined.iter().any(|other| other != file && other.parent() == file.parent() && other.exists())
}
