//! Errors of a file of tasks or solutions.

use std::path::PathBuf;

use sandbox_api::ClientError;

/// Reason for which a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
    /// A line of the tasks is no task.
    #[error("{path} line {line}: {reason}")]
    Task {
        /// Path of the file of tasks.
        path: PathBuf,
        /// Number of the line, counted from 1.
        line: usize,
        /// Why it is no task, and what it should be.
        reason: String,
    },
    /// The client cannot be made.
    #[error(transparent)]
    Client(#[from] ClientError),
}
