//! Untrusted programs under limits: the code execution server and its client.
//!
//! A program is graded by what it printed or returned, compared outside of the process that ran it; expected values
//! never enter that process. This crate knows nothing of tasks, rewards or models.
//!
//! - [`serve`] starts the server inside this process (its workers are child processes); [`Client`] calls one or several.
//! - [`grade_solutions`] grades a file of solutions against a file of tasks.
//! - [`doctor`] says which layers of isolation are in force on this machine.

mod batch;
mod bench;
mod client;
mod compare;
mod config;
mod engine;
mod error;
mod grade;
mod isolation;
mod lane;
mod language;
mod layers;
mod metrics;
mod pool;
mod queue;
mod report;
mod request;
mod secret;
mod server;
mod soak;
mod ticket;

pub use batch::{BatchError, BatchOptions, LineVerdict, Tasks, VerdictLine, grade_solutions};
pub use bench::{
    BenchError, BenchOptions, BenchReport, EngineFigures, Missing, NumericFigures, PeerFigures, RateRatio, Times, bench,
};
pub use client::{Client, ClientError, ClientOptions};
pub use config::{CommandLanguage, ServerConfig};
pub use engine::{EngineKind, is_limit_of_wasm, missing_in_wasm, run_worker_if_asked};
pub use error::SandboxError;
pub use isolation::Isolation;
pub use language::Language;
pub use layers::{LayerReport, doctor};
pub use report::{GradeReport, GradeVerdict, RunReport, RunStatus};
pub use request::{FunctionCase, GradeRequest, Limits, RunRequest, StdioCase, Tests};
pub use secret::{Secret, TOKEN_VARIABLE};
pub use server::{ServerHandle, serve};
pub use soak::{SoakError, SoakOptions, SoakReport, soak};
