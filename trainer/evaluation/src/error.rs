//! The errors of suites, of their files and of records, each with its place and a remedy.

use std::io;
use std::path::PathBuf;

use datasets::DatasetError;
use record::RecordError;
use statistics::NothingJudged;

/// Why a suite cannot be asked, judged or summed up.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// No suite has this name.
    #[error("no suite is called `{name}`{hint}; known: {known}")]
    UnknownSuite {
        /// The name that was asked for.
        name: String,
        /// The near name in words; empty where none is near.
        hint: String,
        /// All known names, comma separated.
        known: String,
    },
    /// What follows a suite's name is no version or window of it.
    #[error("suite {name}: {problem}")]
    Version {
        /// The suite, with version and window as they were written.
        name: String,
        /// The fault, and what there is.
        problem: String,
    },
    /// A suite's file is no suite.
    #[error("{place}: {problem}")]
    SuiteFile {
        /// The file, or the suite's name where it is one that ships.
        place: String,
        /// The fault, with the key.
        problem: String,
    },
    /// A setting of the protocol that cannot be.
    #[error("suite {suite}: {problem}")]
    Protocol {
        /// The suite.
        suite: String,
        /// The fault, with the setting and what to write instead.
        problem: String,
    },
    /// The data are not what the suite asks.
    #[error("suite {suite}: {problem}")]
    Tasks {
        /// The suite.
        suite: String,
        /// The fault, with the task's id or the file.
        problem: String,
    },
    /// A prompt template that does not become a text.
    #[error("suite {suite}, task {task}: the prompt cannot be made: {problem}")]
    Prompt {
        /// The suite.
        suite: String,
        /// The task's id.
        task: String,
        /// The fault, with the name that is not there.
        problem: String,
    },
    /// A file of completions, scores or results that cannot be used.
    #[error("{}{}: {problem}", path.display(), line.map_or_else(String::new, |line| format!(", line {line}")))]
    File {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1, where it is one line's fault.
        line: Option<usize>,
        /// The fault, and what to do.
        problem: String,
    },
    /// A record that was made with other settings.
    #[error(
        "{} holds an evaluation with other settings: {}; choose another folder, or remove this one",
        path.display(), differences.join("; ")
    )]
    OtherSettings {
        /// The record's folder.
        path: PathBuf,
        /// What differs, a setting each.
        differences: Vec<String>,
    },
    /// Two results that are not of the same tasks under the same protocol.
    #[error("the results cannot be compared: {}; --anyway compares them all the same", .0.join("; "))]
    NotComparable(
        /// What differs, a sentence each.
        Vec<String>,
    ),
    /// No sample of a suite has a verdict.
    #[error(transparent)]
    NothingJudged(#[from] NothingJudged),
    /// The data cannot be read.
    #[error(transparent)]
    Data(#[from] DatasetError),
    /// The record cannot be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl EvaluationError {
    /// The system's error while `path` was read.
    pub(crate) fn read(path: impl Into<PathBuf>, error: io::Error) -> Self {
        Self::File { path: path.into(), line: None, problem: format!("cannot be read: {error}") }
    }

    /// The system's error while `path` was written.
    pub(crate) fn write(path: impl Into<PathBuf>, error: io::Error) -> Self {
        Self::File { path: path.into(), line: None, problem: format!("cannot be written: {error}") }
    }

    pub(crate) fn tasks(suite: &str, problem: impl Into<String>) -> Self {
        Self::Tasks { suite: suite.to_owned(), problem: problem.into() }
    }

    pub(crate) fn file(path: impl Into<PathBuf>, line: Option<usize>, problem: impl Into<String>) -> Self {
        Self::File { path: path.into(), line, problem: problem.into() }
    }
}
