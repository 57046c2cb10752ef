//! Writes that are either there whole or not there: to a temporary name beside the target, flushed to disk, then renamed.
//! Must not know what it writes.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};

/// The end of every temporary name; files and folders with it are remains of an interrupted write and may be removed.
pub const TEMPORARY_SUFFIX: &str = ".tmp";

/// Replaces the file at `path` by `bytes`; its folder is made when it is missing. After an error the old file is untouched.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = temporary_path(path)?;
    let written = make_parent(path)
        .and_then(|()| write_flushed(&temporary, bytes))
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| flush_parent(path));
    written.map_err(|error| {
        // The write's own error is what matters; what is left of the temporary file is removed by the next resume.
        let _ = fs::remove_file(&temporary);
        write_error(path, error)
    })
}

/// Makes the folder at `path` out of what `fill` writes into the temporary folder it is handed. An older folder of that name is
/// replaced. After an error in `fill` there is nothing new at `path`.
pub fn write_folder(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let temporary = temporary_path(path)?;
    let name = |error| write_error(path, error);
    make_parent(path).map_err(name)?;
    remove_if_there(&temporary).map_err(name)?;
    fs::create_dir(&temporary).map_err(name)?;
    let filled = fill(&temporary).and_then(|()| flush_tree(&temporary).map_err(name));
    if let Err(error) = filled {
        let _ = fs::remove_dir_all(&temporary);
        return Err(error.context(format!("cannot write {}", path.display())));
    }
    remove_if_there(path).map_err(name)?;
    fs::rename(&temporary, path).map_err(name)?;
    flush_parent(path).map_err(name)
}

/// An error of writing `path`, with what to do about it when the disk is full.
pub fn write_error(path: &Path, error: io::Error) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => anyhow!(
            "the disk is full: cannot write {} ({error}); free some space, then continue with --resume",
            path.display()
        ),
        _ => anyhow!(error).context(format!("cannot write {}", path.display())),
    }
}

/// Removes a file or a whole folder; nothing there is no error.
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

fn temporary_path(path: &Path) -> Result<PathBuf> {
    let name = path.file_name().with_context(|| format!("{} does not name a file", path.display()))?;
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

fn write_flushed(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
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
    fn a_folder_whose_writing_fails_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("step_00001");
        let error = write_folder(&path, |temporary| {
            fs::write(temporary.join("half"), b"half")?;
            Err(anyhow!("the weights are on fire"))
        })
        .unwrap_err();
        assert!(format!("{error:#}").contains("step_00001"), "{error:#}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_replaces_an_older_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("step_00001");
        write_folder(&path, |new| Ok(fs::write(new.join("old"), b"1")?)).unwrap();
        write_folder(&path, |new| Ok(fs::write(new.join("new"), b"2")?)).unwrap();
        assert!(path.join("new").exists() && !path.join("old").exists());
    }

    #[test]
    fn a_full_disk_is_named_with_its_file() {
        let error = write_error(Path::new("runs/x/metrics.jsonl"), io::ErrorKind::StorageFull.into());
        let text = error.to_string();
        assert!(text.contains("disk is full") && text.contains("runs/x/metrics.jsonl"), "{text}");
    }
}
