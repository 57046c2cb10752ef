//! The server's settings. Parsing and defaults only.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use sandbox_api::{EngineKind, Limits, Secret};
use serde::{Deserialize, Serialize};

use crate::{Isolation, SandboxError};

/// The longest time that a setting may name, in seconds.
const MOST_SECONDS: f64 = 86_400.0;

/// Settings of a code execution server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The bearer token that callers must send; settings in files name a file instead.
    #[serde(skip)]
    pub token: Option<Secret>,
    /// A file that holds the token.
    pub token_file: Option<PathBuf>,
    /// Whether an address beyond loopback may be listened on without a token.
    pub allow_no_token: bool,
    /// Worker processes, each grading one submission at a time.
    pub workers: usize,
    /// Requests that may wait; one more is answered with status 429.
    pub queue: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Bytes of a program's text.
    pub code_bytes: usize,
    /// Requests in one batch.
    pub batch: usize,
    /// Answers kept for requests that come again with the same id.
    pub remembered: usize,
    /// Seconds that a request's body may take to arrive.
    pub read_seconds: f64,
    /// Seconds that open requests have to finish at shutdown.
    pub drain_seconds: f64,
    /// The interpreter to use; `python3` from the path if unset.
    pub python: Option<PathBuf>,
    /// Further languages, each with the command that runs it.
    pub commands: Vec<CommandLanguage>,
    /// The most that a request may ask for.
    pub most: Limits,
    /// The wasm engine's interpreter; the one that `cargo xtask setup` made if unset.
    pub component: Option<PathBuf>,
    /// The program that becomes a worker of the wasm engine; this program itself if unset, which must call
    /// [`run_worker_if_asked`](crate::run_worker_if_asked) first.
    pub worker: Option<PathBuf>,
    /// The engine for requests that name none; `wasm` where it is set up and `process` elsewhere, if unset.
    pub default_engine: Option<EngineKind>,
    /// The isolation below which the server does not start.
    pub minimum_isolation: Isolation,
    /// Whether each run gets a network namespace of its own (slower) or shares its worker's, which is empty too.
    pub net_each_run: bool,
    /// Whether workers are put into control groups (version 2) where this process may make some.
    pub cgroup: bool,
}

/// A language that the process engine runs by a command of yours.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CommandLanguage {
    /// The name that requests use.
    pub language: String,
    /// The file that a program's text is put into, such as `main.rb`.
    pub source: String,
    /// The command that compiles it, in the folder of `source`; empty where it runs as it is. Programs by whole path.
    pub compile: Vec<String>,
    /// The file that `compile` makes.
    pub product: String,
    /// The command that runs it, in the folder of `source`, or of `product` where it is compiled.
    pub run: Vec<String>,
    /// Files and folders that the commands need, shown read-only, besides the system's libraries.
    pub needs: Vec<PathBuf>,
    /// Whether the limit on memory also holds for address space; false for run-times that reserve more than they use.
    pub limits_address_space: bool,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            token: None,
            token_file: None,
            allow_no_token: false,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            queue: 1024,
            body_bytes: 32 << 20,
            code_bytes: 1 << 20,
            batch: 1024,
            remembered: 4096,
            read_seconds: 30.0,
            drain_seconds: 5.0,
            python: None,
            commands: Vec::new(),
            most: Limits {
                wall_seconds: 120.0,
                cpu_seconds: 120.0,
                memory_bytes: 8 << 30,
                output_bytes: 64 << 20,
                processes: 256,
                file_bytes: 1 << 30,
                submission_seconds: 3600.0,
                fuel: None,
            },
            component: None,
            worker: None,
            default_engine: None,
            minimum_isolation: Isolation::default(),
            net_each_run: true,
            cgroup: true,
        }
    }
}

impl ServerConfig {
    /// Refuses settings that no server can have.
    ///
    /// # Errors
    /// [`SandboxError::BadConfig`], naming the field.
    pub fn validate(&self) -> Result<(), SandboxError> {
        let counts = [
            ("workers", self.workers),
            ("queue", self.queue),
            ("body_bytes", self.body_bytes),
            ("code_bytes", self.code_bytes),
            ("batch", self.batch),
        ];
        for (name, value) in counts {
            if value == 0 {
                return Err(SandboxError::BadConfig(format!("{name} is 0: give 1 or more")));
            }
        }
        for (name, value) in [("read_seconds", self.read_seconds), ("drain_seconds", self.drain_seconds)] {
            if !(0.0..=MOST_SECONDS).contains(&value) {
                let range = format!("give 0 to {MOST_SECONDS}");
                return Err(SandboxError::BadConfig(format!("{name} is {value}: {range}")));
            }
        }
        for command in &self.commands {
            let name = &command.language;
            let missing = [("language", name.is_empty()), ("source", command.source.is_empty())]
                .into_iter()
                .chain([("run", command.run.is_empty())])
                .chain([("product", command.product.is_empty() && !command.compile.is_empty())])
                .find(|(_, is_missing)| *is_missing);
            if let Some((field, _)) = missing {
                return Err(SandboxError::BadConfig(format!("commands: {field} of language {name:?} is empty")));
            }
        }
        Ok(())
    }

    /// The token that callers must send, from the settings or the file that they name.
    ///
    /// # Errors
    /// [`SandboxError::BadConfig`]: the file cannot be read, or the address is open to others and there is no token.
    pub fn resolve_token(&self) -> Result<Option<Secret>, SandboxError> {
        let token = match (&self.token, &self.token_file) {
            (Some(token), _) => Some(token.clone()),
            (None, Some(path)) => Some(Secret::from_file(path)?),
            (None, None) => None,
        };
        if token.is_none() && !self.listen.ip().is_loopback() && !self.allow_no_token {
            let address = self.listen;
            return Err(SandboxError::BadConfig(format!(
                "{address} can be reached from other machines: give a token, or set `allow_no_token = true` where a wall \
                 of your own keeps strangers out"
            )));
        }
        Ok(token)
    }
}
