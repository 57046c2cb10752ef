//! Errors of a call. None of these is a verdict.

use super::LastFailure;

/// A call without an answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClientError {
    /// The client cannot be made.
    #[error("code execution client: {0}")]
    BadConfig(String),
    /// The server understood the request and refuses it; another attempt would be refused as well.
    #[error("{url} refused the request with status {status}: {message}")]
    Refused {
        /// The server's address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The error's type, as the server names it; empty if it names none.
        kind: String,
        /// The server's reason.
        message: String,
    },
    /// No server gave an answer.
    #[error("no code execution server answered after {attempts} attempts in {seconds:.1} s: {last}")]
    Unavailable {
        /// Attempts made.
        attempts: usize,
        /// Seconds spent.
        seconds: f64,
        /// The last attempt's error.
        last: String,
        /// How it failed.
        failure: LastFailure,
    },
}
