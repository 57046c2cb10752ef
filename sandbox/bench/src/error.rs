//! Errors of measurements.

use sandbox::SandboxError;
use sandbox_api::{ClientError, EngineKind};

/// A measurement that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A server does not start.
    #[error(transparent)]
    Server(#[from] SandboxError),
    /// A server does not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A program that must end well did not.
    #[error("a program that must end well came to {status} on the {engine} engine: {stderr}")]
    Program {
        /// The engine.
        engine: EngineKind,
        /// The program's status or verdict.
        status: &'static str,
        /// The program's standard error, or the reason of the verdict.
        stderr: String,
    },
    /// A peer failed.
    #[error("{name}: {reason}")]
    Peer {
        /// The peer's name.
        name: &'static str,
        /// The error.
        reason: String,
    },
    /// A measuring task ended early.
    #[error("a measuring task ended early: {0}")]
    Task(#[from] tokio::task::JoinError),
    /// Nothing was timed.
    #[error("nothing was timed")]
    NoTimes,
    /// No engine can be measured.
    #[error("no engine can be measured: {0}")]
    NoEngine(String),
}
