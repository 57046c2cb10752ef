//! Atomic writes: to a temporary name beside the target, flushed to disk, then renamed. Must not know what is written.

use std::error::Error;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::RecordError;

/// End of every temporary name. A file or folder that has it is left over from an interrupted write and may be removed.
pub const TEMPORARY_SUFFIX: &str = ".tmp";

/// Replaces the file at `path` by `bytes`; a missing folder is made.
///
/// # Errors
/// The system refuses. The old file is then untouched.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), RecordError> {
    write_file_by(path, |file| file.write_all(bytes))
}

/// Replaces the file at `path` by what `fill` writes; a missing folder is made.
///
/// # Errors
/// `fill` fails, or the system refuses. The old file is then untouched.
pub fn write_file_by(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), RecordError> {
    write_file_if(path, |file| fill(file).map(|()| true).map_err(|error| write_error(path, error))).map(drop)
}

/// Replaces the file at `path` by what `fill` writes, where it returns true; a missing folder is made. Returns whether
/// it did.
///
/// # Errors
/// `fill` fails, with its own error, or the system refuses. The old file is then untouched.
pub fn write_file_if(
    path: &Path,
    fill: impl FnOnce(&mut File) -> Result<bool, RecordError>,
) -> Result<bool, RecordError> {
    let temporary = temporary_path(path)?;
    let name = |error| write_error(path, error);
    let write = || {
        make_parent(path).map_err(name)?;
        let mut file = File::create(&temporary).map_err(name)?;
        if !fill(&mut file)? {
            return Ok(false);
        }
        let placed = file.sync_all().and_then(|()| fs::rename(&temporary, path));
        placed.and_then(|()| flush_parent(path)).map(|()| true).map_err(name)
    };
    let written = write();
    if !matches!(written, Ok(true)) {
        // The error of the write is the one to report; the next resume removes a temporary file that stays.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Makes the folder at `path`: `fill` writes the content into a temporary folder, which then takes the name. An older
/// folder of that name is replaced.
///
/// # Errors
/// `fill` fails, or the system refuses. After an error in `fill`, `path` is as it was.
pub fn write_folder<E>(path: &Path, fill: impl FnOnce(&Path) -> Result<(), E>) -> Result<(), RecordError>
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let temporary = temporary_path(path)?;
    let name = |error| write_error(path, error);
    make_parent(path).map_err(name)?;
    remove_if_there(&temporary).map_err(name)?;
    fs::create_dir(&temporary).map_err(name)?;
    let filled: Result<(), Box<dyn Error + Send + Sync>> =
        fill(&temporary).map_err(Into::into).and_then(|()| Ok(flush_tree(&temporary).map_err(name)?));
    if let Err(source) = filled {
        let _ = fs::remove_dir_all(&temporary);
        return Err(RecordError::Fill { path: path.to_owned(), source });
    }
    remove_if_there(path).map_err(name)?;
    fs::rename(&temporary, path).map_err(name)?;
    flush_parent(path).map_err(name)
}

/// The system's error while `path` was written, told apart by whether the disk is full.
pub fn write_error(path: &Path, error: io::Error) -> RecordError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => RecordError::DiskFull { path, reason: error },
        _ => RecordError::Write { path, source: error },
    }
}

/// Removes a file or a whole folder.
///
/// # Errors
/// The system refuses. A path where nothing stands is no error.
pub fn remove_if_there(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Removes a folder that others may read as whole: it loses its name first, so that a kill leaves no part of it under
/// that name.
///
/// # Errors
/// The system refuses.
pub fn remove_folder(path: &Path) -> Result<(), RecordError> {
    let fail = |source| RecordError::Remove { path: path.to_owned(), source };
    let temporary = temporary_path(path)?;
    remove_if_there(&temporary).map_err(fail)?;
    fs::rename(path, &temporary).map_err(fail)?;
    fs::remove_dir_all(&temporary).map_err(fail)
}

fn temporary_path(path: &Path) -> Result<PathBuf, RecordError> {
    let name = path.file_name().ok_or_else(|| RecordError::NoFileName { path: path.to_owned() })?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(TEMPORARY_SUFFIX);
    Ok(path.with_file_name(hidden))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn make_parent(path: &Path) -> io::Result<()> {
    fs::create_dir_all(parent(path))
}

fn flush_parent(path: &Path) -> io::Result<()> {
    File::open(parent(path))?.sync_all()
}

fn flush_tree(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            flush_tree(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_no_temporary() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/summary.json");
        write_file(&path, b"first").unwrap();
        write_file(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_not_filled_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.jsonl");
        write_file(&path, b"first").unwrap();
        let half = |file: &mut File| file.write_all(b"half").map_err(|error| write_error(&path, error));
        assert!(!write_file_if(&path, |file| half(file).map(|()| false)).unwrap());
        let own = || RecordError::NoFileName { path: "row 7".into() };
        let error = write_file_if(&path, |file| half(file).and(Err(own()))).unwrap_err();
        assert!(error.to_string().contains("row 7"), "{error}");
        let error = write_file_by(&path, |_| Err(io::ErrorKind::StorageFull.into())).unwrap_err();
        assert!(matches!(error, RecordError::DiskFull { .. }), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_whose_writing_fails_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("step_00001");
        let error = write_folder(&path, |temporary| {
            fs::write(temporary.join("half"), b"half")?;
            Err(io::Error::other("the weights are on fire"))
        })
        .unwrap_err();
        assert!(format!("{error:#}").contains("step_00001"), "{error:#}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_replaces_an_older_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("step_00001");
        write_folder(&path, |new| fs::write(new.join("old"), b"1")).unwrap();
        write_folder(&path, |new| fs::write(new.join("new"), b"2")).unwrap();
        assert!(path.join("new").exists() && !path.join("old").exists());
    }

    #[test]
    fn a_folder_loses_its_name_before_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("step_00001");
        write_folder(&path, |new| fs::write(new.join("weights"), b"1")).unwrap();
        // What a kill in an earlier removal left behind is in nobody's way.
        fs::create_dir(folder.path().join(".step_00001.tmp")).unwrap();
        remove_folder(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(matches!(remove_folder(&path), Err(RecordError::Remove { .. })));
    }

    #[test]
    fn a_full_disk_is_named_with_its_file() {
        let error = write_error(Path::new("runs/x/metrics.jsonl"), io::ErrorKind::StorageFull.into());
        let text = error.to_string();
        assert!(text.contains("disk is full") && text.contains("runs/x/metrics.jsonl"), "{text}");
    }
}
