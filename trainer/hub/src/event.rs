//! What is said while files come.

use std::time::Duration;

use crate::name::HubName;

/// Something that happened in a download.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// Files are about to come. Nothing is said where all are there.
    Begin {
        /// Name as it was given.
        name: &'a HubName,
        /// Full hash of the commit that they come from.
        commit: &'a str,
        /// Number of files that are not there yet.
        num_files: usize,
        /// Bytes of them.
        total: u64,
        /// Bytes of them that are there from before a break.
        received: u64,
    },
    /// More has come.
    Progress {
        /// The file, by its path in the repository.
        file: &'a str,
        /// Bytes that are there, of all the files.
        received: u64,
        /// Bytes of all the files.
        total: u64,
    },
    /// The hub did not answer, or broke off; it is asked again after a pause.
    Retry {
        /// What was asked for.
        what: &'a str,
        /// What went wrong.
        problem: &'a str,
        /// Pause before the next attempt.
        pause: Duration,
    },
    /// Another process downloads the file, and is waited for.
    Wait {
        /// The file, by its path in the repository.
        file: &'a str,
    },
    /// All files are there, and are what the hub says.
    End {
        /// Bytes of them.
        total: u64,
    },
}
