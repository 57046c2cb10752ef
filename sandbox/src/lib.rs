//! Untrusted programs under limits: the code execution server.
//!
//! A program is graded by what it printed or returned, compared outside of the process that ran it; expected values
//! never enter that process. This crate knows nothing of tasks, rewards or models.
//!
//! - [`serve`] starts the server inside this process (its workers are child processes). Requests, reports and the
//!   client are in the crate `sandbox_api`.
//! - [`grade_solutions`] grades a file of solutions against a file of tasks.
//! - [`doctor`] reports which layers of isolation are in force on this machine.

mod batch;
mod compare;
mod config;
mod engine;
mod error;
mod grade;
mod isolation;
mod layers;
mod lock;
mod metrics;
mod pool;
mod server;

pub use batch::{BatchError, BatchOptions, LineVerdict, Tasks, VerdictLine, grade_solutions};
pub use config::{CommandLanguage, ServerConfig};
pub use engine::run_worker_if_asked;
pub use error::SandboxError;
pub use isolation::Isolation;
pub use layers::{LayerReport, doctor};
pub use server::{ServerHandle, serve};
