//! A server of the command's own, on loopback, for as long as the command runs.

use anyhow::{Context, Result};
use sandbox::{ServerConfig, ServerHandle};
use sandbox_api::{EngineKind, Limits};

use crate::failure::Usage;

/// Bytes of a request: the tests of one task may be long.
const BODY_BYTES: usize = 1 << 30;

/// Starts a server with `jobs` workers of one engine (0: one for each core) and holds `limits` against what it allows.
///
/// # Errors
/// Limits that are none, an engine that is not there, isolation below the minimum.
pub async fn start(engine: Option<EngineKind>, jobs: usize, limits: &Limits) -> Result<ServerHandle> {
    let mut config = ServerConfig { default_engine: engine, body_bytes: BODY_BYTES, ..ServerConfig::default() };
    if jobs > 0 {
        config.workers = jobs;
    }
    limits.validate(&config.most).map_err(|error| Usage::error(in_options(&error.to_string())))?;
    sandbox::serve(config).await.context("the code execution server")
}

/// The name that an option has for a limit, in place of the field's.
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
