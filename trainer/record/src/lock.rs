//! The lock of a folder that is written to: one process at a time. The system lets go of it when the process ends,
//! however it ends. Must not know what is written.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::atomic::write_error;
use crate::error::RecordError;

/// Name of the file that is locked. It stays when the lock is let go of: removing it would race with the next holder.
pub const LOCK_FILE: &str = ".lock";

/// A folder locked for this process, until it is dropped.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Locks a folder that is there, and writes this process's id into its lock file.
    ///
    /// # Errors
    /// Another process, or another lock of this one, holds the folder; or the system refuses.
    pub fn take(folder: &Path) -> Result<Self, RecordError> {
        let path = folder.join(LOCK_FILE);
        let fail = |error| write_error(&path, error);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(folder, &mut file)),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                tracing::warn!("{} cannot be locked here: let no other process write it", folder.display());
            }
            Err(TryLockError::Error(error)) => return Err(fail(error)),
        }
        let id = format!("{}\n", std::process::id());
        file.set_len(0).and_then(|()| file.write_all(id.as_bytes())).map_err(fail)?;
        Ok(Self { _file: file })
    }
}

/// The error where another holds the lock; its process id is in the file, unless it has not written it yet.
fn held(folder: &Path, file: &mut File) -> RecordError {
    let mut text = String::new();
    let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_string(&mut text));
    let holder = read.ok().and_then(|_| text.trim().parse().ok());
    RecordError::Locked { path: PathBuf::from(folder), holder }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_folder_is_refused_with_the_holder() {
        let folder = tempfile::tempdir().unwrap();
        let lock = FolderLock::take(folder.path()).unwrap();
        let text = FolderLock::take(folder.path()).unwrap_err().to_string();
        let holder = format!("process {}", std::process::id());
        assert!(text.contains(&holder) && text.contains(&folder.path().display().to_string()), "{text}");
        drop(lock);
        FolderLock::take(folder.path()).unwrap();
    }
}
