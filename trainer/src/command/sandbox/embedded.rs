//! The code execution server of one command: on loopback, for as long as the command runs.

use anyhow::{Context, Result};
use sandbox::{ServerConfig, ServerHandle};
use sandbox_api::{EngineKind, Limits};

use crate::code_server::serve;
use crate::failure::Usage;

/// Most bytes of a request; the tests of one task may be long.
const BODY_BYTES: usize = 1 << 30;

/// Starts a server with `jobs` workers of one engine (0: one for each core), once `limits` are within those it allows.
///
/// # Errors
/// The limits are beyond what the server allows, the engine is not there, or the isolation is below the minimum.
pub(super) async fn start(engine: Option<EngineKind>, jobs: usize, limits: &Limits) -> Result<ServerHandle> {
    let mut config = ServerConfig { default_engine: engine, body_bytes: BODY_BYTES, ..ServerConfig::default() };
    if jobs > 0 {
        config.workers = jobs;
    }
    limits.validate(&config.max_limits).map_err(|error| Usage::error(in_options(&error.to_string())))?;
    serve(config).await.context("the code execution server")
}

/// The message with the names of options in place of the fields' names.
fn in_options(message: &str) -> String {
    let names = [
        ("limits.wall_seconds", "--time-limit"),
        ("limits.cpu_seconds", "--time-limit"),
        ("limits.memory_bytes", "--memory-limit"),
        ("limits.output_bytes", "--output-limit"),
        ("limits.processes", "--process-limit"),
        ("limits.file_bytes", "--disk-limit"),
    ];
    names.iter().fold(message.to_owned(), |message, (field, option)| message.replace(field, option))
}
