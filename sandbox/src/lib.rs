//! Untrusted programs under limits: the code execution server.
//!
//! ```
//! use sandbox::{Isolation, ServerConfig, serve};
//! use sandbox_api::{Client, EngineKind, RunRequest, RunStatus};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Without `minimum_isolation` a machine that allows no namespaces is refused.
//! let config = ServerConfig {
//!     workers: 1,
//!     default_engine: Some(EngineKind::Process),
//!     minimum_isolation: Isolation::None,
//!     ..ServerConfig::default()
//! };
//! let server = serve(config).await?;
//! let client = Client::new(vec![server.url()])?;
//! let request = RunRequest { code: "print(6 * 7)".to_owned(), ..RunRequest::default() };
//! let report = client.run(&request).await?;
//! assert_eq!((report.status, report.stdout.as_str()), (RunStatus::Ok, "42\n"));
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! A program is graded by what it printed or returned, compared outside of the process that ran it; expected values
//! never enter that process. This crate knows nothing of tasks, rewards or models.
//!
//! - [`serve`] starts the server inside this process (its workers are child processes). Requests, reports and the
//!   client are in the crate `sandbox_api`.
//! - [`grade_solutions`] grades a file of solutions against a file of tasks.
//! - [`VerifierComponent`] judges by a WebAssembly component under limits, inside this process.
//! - [`doctor`] reports which layers of isolation are in force on this machine.

mod batch;
mod compare;
mod component;
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

pub use self::batch::{BatchError, BatchOptions, LineVerdict, Tasks, VerdictLine, grade_solutions};
pub use self::component::{
    ComponentAnswer, ComponentError, ComponentKind, ComponentLimits, ComponentMessage, ComponentQuestion,
    VerifierComponent,
};
pub use self::config::{CommandLanguage, ServerConfig};
pub use self::engine::{is_python_compiled, run_worker_if_asked};
pub use self::error::SandboxError;
pub use self::isolation::Isolation;
pub use self::layers::{LayerReport, doctor};
pub use self::server::{ServerHandle, serve};
