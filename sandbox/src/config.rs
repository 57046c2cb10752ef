//! The server's settings. Parsing and defaults only.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{EngineKind, Limits, SandboxError};

/// Settings of a code execution server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Worker processes, each grading one submission at a time.
    pub workers: usize,
    /// Requests that may wait; one more is answered with status 429.
    pub queue: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// The interpreter to use; `python3` from the path if unset.
    pub python: Option<PathBuf>,
    /// The most that a request may ask for.
    pub most: Limits,
    /// The engine for requests that name none; `wasm` where it is set up and `process` elsewhere, if unset.
    pub default_engine: Option<EngineKind>,
    /// Whether to run without namespaces or the seccomp filter where the machine does not allow them.
    pub allow_weak_isolation: bool,
    /// Whether each run gets a network namespace of its own (slower) or shares its worker's, which is empty too.
    pub net_each_run: bool,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            queue: 1024,
            body_bytes: 32 << 20,
            python: None,
            most: Limits {
                wall_seconds: 120.0,
                cpu_seconds: 120.0,
                memory_bytes: 8 << 30,
                output_bytes: 64 << 20,
                processes: 256,
                file_bytes: 1 << 30,
            },
            default_engine: None,
            allow_weak_isolation: false,
            net_each_run: true,
        }
    }
}

impl ServerConfig {
    /// Refuses settings that no server can have.
    ///
    /// # Errors
    /// [`SandboxError::BadConfig`], naming the field.
    pub fn validate(&self) -> Result<(), SandboxError> {
        for (name, value) in [("workers", self.workers), ("queue", self.queue), ("body_bytes", self.body_bytes)] {
            if value == 0 {
                return Err(SandboxError::BadConfig(format!("{name} is 0: give 1 or more")));
            }
        }
        Ok(())
    }
}
