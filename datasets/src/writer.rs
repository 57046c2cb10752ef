//! Writes JSON Lines files.
//!
//! The rows go to a file beside the target, which takes the target's name once it is complete: a
//! full disk or an interruption never leaves half a dataset under the target's name.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::DatasetError;

/// Writes one JSON object a line and replaces the file; a missing folder is made.
///
/// # Errors
/// The folder or the file cannot be written, or a row cannot be put into JSON.
pub fn write_jsonl<T: Serialize>(path: &Path, rows: &[T]) -> Result<(), DatasetError> {
    let partial = partial_path(path);
    write_rows(&partial, rows).and_then(|()| fs::rename(&partial, path)).map_err(|source| {
        // The partial file is of no use now; an error in removing it would hide the first one.
        let _ = fs::remove_file(&partial);
        DatasetError::Write { path: path.to_owned(), source }
    })
}

fn write_rows<T: Serialize>(path: &Path, rows: &[T]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = BufWriter::new(File::create(path)?);
    for row in rows {
        serde_json::to_writer(&mut file, row)?;
        file.write_all(b"\n")?;
    }
    file.into_inner()?.sync_all()
}

fn partial_path(path: &Path) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}
