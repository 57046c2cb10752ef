//! Errors of a sweep; each names the file, the arm or the folder, and what to do.

use std::error::Error;
use std::path::PathBuf;

use record::RecordError;

/// A sweep that cannot be planned, run or read.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The sweep's file cannot be read, or is not what it should be.
    #[error("sweep {}: {reason}", path.display())]
    File {
        /// The sweep's file.
        path: PathBuf,
        /// What is wrong, with the key and the remedy.
        reason: String,
    },
    /// The file can be read, and does not describe a sweep; the key stands first.
    #[error("{0}")]
    Invalid(String),
    /// The folder holds something else.
    #[error("{0}")]
    Folder(String),
    /// The program that trains is not what it was, or cannot be read.
    #[error("{0}")]
    Program(String),
    /// A file of the sweep's folder cannot be written or locked.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A file of the sweep's folder cannot be read.
    #[error("{}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's or the parser's words.
        reason: String,
    },
}

impl SweepError {
    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid(reason.into())
    }

    pub(crate) fn read(path: impl Into<PathBuf>, reason: impl ToString) -> Self {
        Self::Read { path: path.into(), reason: reason.to_string() }
    }

    /// The error and its causes.
    pub(crate) fn in_words(&self) -> String {
        let mut words = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            words = format!("{words}: {error}");
            cause = error.source();
        }
        words
    }

    /// True for what the user's files say wrongly, false for what the system refuses.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::File { .. } | Self::Invalid(_) | Self::Folder(_))
    }
}
