//! Errors between a folder on disk and a policy in memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dist::DistError;

/// An error of this crate. Each names the file or the field, and what to do where that is known.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Reading or writing a file failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// Path of the file or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file or folder is there, but its content cannot be used.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// Path of the file or folder.
        path: PathBuf,
        /// Fault and, where known, remedy; completes the sentence that begins with the path.
        reason: String,
    },
    /// A field of a model's `config.json` that this decoder cannot honour.
    #[error("config field `{field}`: {reason}")]
    Config {
        /// Name of the field in `config.json`.
        field: String,
        /// Why the value is refused.
        reason: String,
    },
    /// A sequence without a token was to be scored.
    #[error("sequence {place} of {count} is empty: a score is read at a sequence's last token")]
    EmptySequence {
        /// Place of the sequence among those to score, from 0.
        place: usize,
        /// Number of sequences to score.
        count: usize,
    },
    /// The tokenizer refused a text or some ids.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// The chat template could not be rendered.
    #[error("chat template: {0}")]
    ChatTemplate(String),
    /// The name is no device's, or the device is not available.
    #[error("device `{asked}`: {reason}")]
    Device {
        /// The device's name as the caller wrote it.
        asked: String,
        /// Why the device is refused.
        reason: String,
    },
    /// An operation between ranks failed.
    #[error("{0}")]
    Ranks(Arc<DistError>),
    /// A layout of ranks does not fit the model.
    #[error("`{field}` {reason}")]
    Layout {
        /// Name of the field in a run's configuration.
        field: &'static str,
        /// Fault and remedy.
        reason: String,
    },
    /// A decoder cannot be exact where it is.
    #[error("exact numerics: {reason}; they need float32 weights on the CPU of one process")]
    Numerics {
        /// Fault.
        reason: String,
    },
    /// libtorch refused an operation.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}

impl PolicyError {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    pub(crate) fn malformed(path: &Path, reason: impl Into<String>) -> Self {
        Self::Malformed { path: path.to_owned(), reason: reason.into() }
    }

    pub(crate) fn config(field: &str, reason: impl Into<String>) -> Self {
        Self::Config { field: field.to_owned(), reason: reason.into() }
    }
}
