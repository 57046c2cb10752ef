//! The errors of data, each with its place and a remedy.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::rows::Place;

/// An error of a dataset: its file, its lines, its mixture or its generator's settings.
#[derive(Debug, Error)]
pub enum DatasetError {
    /// The file could not be opened or read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The dataset's file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// A file or a folder does not hold what it should.
    #[error("{}: {problem}", path.display())]
    Source {
        /// The file or folder.
        path: PathBuf,
        /// The fault, and what was expected.
        problem: String,
    },
    /// A row cannot be read.
    #[error("{place}: {problem}")]
    Row {
        /// The file and the row.
        place: Place,
        /// The fault, and what was expected.
        problem: String,
    },
    /// A layout is not there, or its file is wrong.
    #[error("layout {name}: {problem}")]
    Layout {
        /// The layout's name or file.
        name: String,
        /// The fault, and what was expected.
        problem: String,
    },
    /// A line is not a record of the expected layout.
    #[error("{}, line {line}: {problem}", path.display())]
    Line {
        /// The dataset's file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The missing or wrong part, and what is expected.
        problem: String,
    },
    /// Two lines carry the same id.
    #[error(
        "{}, line {line}: id \"{id}\" was already used on line {first_line}; ids must be unique in a file",
        path.display()
    )]
    DuplicateId {
        /// The dataset's file.
        path: PathBuf,
        /// The second line with this id, counted from 1.
        line: usize,
        /// The first line with this id, counted from 1.
        first_line: usize,
        /// The id that both lines carry.
        id: String,
    },
    /// The file holds no record.
    #[error("{}: the dataset is empty; it needs at least one line with {expected}", path.display())]
    Empty {
        /// The dataset's file.
        path: PathBuf,
        /// The fields that a line needs, comma separated.
        expected: String,
    },
    /// The file could not be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// The file that was to be written.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The mixture cannot be walked.
    #[error("dataset mixture: {problem}")]
    Mixture {
        /// The fault, and the source that has it.
        problem: String,
    },
    /// A saved position does not belong to the mixture.
    #[error("dataset cursor: {problem}; resume with the datasets the run was started with")]
    CursorState {
        /// The difference between position and mixture.
        problem: String,
    },
    /// A generator's setting is out of range.
    #[error("demo data: {field} {problem}")]
    Config {
        /// The setting, as written in a configuration.
        field: String,
        /// The value, and the allowed range.
        problem: String,
    },
}

impl DatasetError {
    /// True for files that are not there or do not hold what they should, false for what the system refuses.
    pub fn is_of_input(&self) -> bool {
        match self {
            Self::Read { source, .. } => source.kind() == io::ErrorKind::NotFound,
            Self::Write { .. } => false,
            _ => true,
        }
    }
}
