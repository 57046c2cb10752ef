//! What goes wrong between processes, in words that name who, what and for how long.

use std::fmt;
use std::time::Duration;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum DistError {
    /// A variable of the environment is missing, impossible, or contradicts another.
    #[error("{variable}{}: {reason}", match value { Some(value) => format!("={value}"), None => " is not set".into() })]
    Environment {
        /// Name of the variable.
        variable: String,
        /// Its value; `None` where it is not set.
        value: Option<String>,
        /// Fault and remedy.
        reason: String,
    },
    /// The key-value store did not do what it was asked.
    #[error("store at {address}: {operation} failed after {}: {reason}", Seconds(*waited))]
    Store {
        /// Host and port.
        address: String,
        /// What was asked, with its key.
        operation: String,
        /// Time from the call to the failure.
        waited: Duration,
        /// Fault and, where known, remedy.
        reason: String,
    },
    /// A collective operation, or the making of a group, failed or took too long.
    #[error("{group}: {} failed on rank {rank} after {}: {reason}", Numbered(operation, *number), Seconds(*waited))]
    Collective {
        /// Name of the group, with its ranks.
        group: String,
        /// Name of the operation.
        operation: &'static str,
        /// The operation's number in its group, from 0; `None` while the group is made.
        number: Option<u64>,
        /// This process's rank in the job.
        rank: usize,
        /// Time from the operation's start to the failure.
        waited: Duration,
        /// Fault and, where known, remedy.
        reason: String,
    },
    /// An operation was given what it cannot take; nothing was sent.
    #[error("{group}: {} cannot start on rank {rank}: {reason}", Numbered(operation, Some(*number)))]
    Argument {
        /// Name of the group, with its ranks.
        group: String,
        /// Name of the operation.
        operation: &'static str,
        /// The number that the operation would have had in its group, from 0.
        number: u64,
        /// This process's rank in the job.
        rank: usize,
        /// Fault and remedy.
        reason: String,
    },
    /// A layout does not fit the number of ranks.
    #[error("layout field `{field}`: {reason}")]
    Layout {
        /// Name of the field.
        field: &'static str,
        /// Fault and remedy.
        reason: String,
    },
    /// The ranks do not belong together; every rank returns this error with the same reason.
    #[error("rank {rank} does not start: {reason}")]
    Refused {
        /// This process's rank in the job.
        rank: usize,
        /// Who differs, in what.
        reason: String,
    },
    /// The ranks of this host could not be started or watched.
    #[error("launch: {0}")]
    Launch(String),
}

impl DistError {
    pub(crate) fn environment(variable: &str, value: Option<&str>, reason: impl Into<String>) -> Self {
        Self::Environment { variable: variable.into(), value: value.map(str::to_owned), reason: reason.into() }
    }
}

/// Seconds with one decimal.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.1} s", self.0.as_secs_f64())
    }
}

/// An operation with its number, where it has one.
struct Numbered<'a>(&'a str, Option<u64>);

impl fmt::Display for Numbered<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(number) => write!(formatter, "operation {number} ({})", self.0),
            None => write!(formatter, "{}", self.0),
        }
    }
}
