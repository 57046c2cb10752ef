//! Errors of the sandbox itself. None of them says anything about a program.

use std::path::PathBuf;

use sandbox_api::{BadRequest, BadToken, EngineKind};

/// Reason for which the sandbox could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The settings cannot be used.
    #[error("sandbox: {0}")]
    BadConfig(String),
    /// The request cannot be used: limits out of range, tests that are no tests.
    #[error("{0}")]
    BadRequest(String),
    /// The request names a language that this server has no toolchain for.
    #[error("no program in {language} can be run: {reason}")]
    LanguageMissing {
        /// Language that was asked for.
        language: sandbox_api::Language,
        /// Why it cannot be run, and which languages can.
        reason: String,
    },
    /// The interpreter is missing or does not answer.
    #[error("the interpreter {path} cannot be used: {reason}; set `python` to a Python 3.9 or later")]
    Interpreter {
        /// Interpreter that was tried.
        path: PathBuf,
        /// Why it cannot be used.
        reason: String,
    },
    /// The engine that a request names, or the default one, is not there.
    #[error("the {kind} engine cannot be used: {reason}")]
    EngineMissing {
        /// Engine that was asked for.
        kind: EngineKind,
        /// Why it cannot be used, and what to do.
        reason: String,
    },
    /// The isolation that this machine allows is below the minimum.
    #[error(
        "isolation here is {found}, the minimum asked for is {minimum}: {reasons}; `trainer sandbox doctor` says what \
         is missing, and a lower `minimum_isolation` runs programs all the same"
    )]
    WeakIsolation {
        /// Level that this machine allows.
        found: crate::Isolation,
        /// Level that the settings ask for.
        minimum: crate::Isolation,
        /// Why layers are missing.
        reasons: String,
    },
    /// A worker could not be started.
    #[error("a worker did not start: {0}")]
    Start(String),
    /// A worker died or hung while it had a request.
    #[error("a worker was lost: {0}")]
    WorkerLost(String),
    /// The queue is full.
    #[error("the queue is full")]
    Busy,
    /// The caller's deadline passed before there was an answer.
    #[error("the deadline passed before there was an answer")]
    DeadlinePassed,
    /// The server is shutting down.
    #[error("the server is shutting down")]
    Closed,
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Address from the settings.
        address: std::net::SocketAddr,
        /// Error of the system.
        source: std::io::Error,
    },
}

impl SandboxError {
    /// True where the request itself is at fault: no other attempt and no other server would do better.
    pub fn is_bad_request(&self) -> bool {
        matches!(self, SandboxError::BadRequest(_) | SandboxError::LanguageMissing { .. })
    }
}

impl From<BadRequest> for SandboxError {
    fn from(BadRequest(reason): BadRequest) -> Self {
        Self::BadRequest(reason)
    }
}

impl From<BadToken> for SandboxError {
    fn from(BadToken(reason): BadToken) -> Self {
        Self::BadConfig(reason)
    }
}
