//! The server's settings: parsing, defaults and checks.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use sandbox_api::{EngineKind, Limits, Secret, named_engine};
use serde::{Deserialize, Serialize};

use crate::{Isolation, SandboxError};

/// Longest time that a setting may give, in seconds.
const MOST_SECONDS: f64 = 86_400.0;

/// Settings of a code execution server. `sandbox-server SETTINGS.json` reads the same keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Address to listen on; port 0 takes a free port.
    pub listen: SocketAddr,
    /// Bearer token that callers must send; settings in files give `token_file` instead.
    #[serde(skip)]
    pub token: Option<Secret>,
    /// File that holds the bearer token that callers must send.
    pub token_file: Option<PathBuf>,
    /// True allows an address beyond loopback to be listened on without a token.
    pub allow_no_token: bool,
    /// Number of worker processes, each grading one submission at a time.
    pub workers: usize,
    /// Most requests that may wait; one more is answered with status 429.
    pub queue: usize,
    /// Most bytes of a request's body.
    pub body_bytes: usize,
    /// Most bytes of a program's text.
    pub code_bytes: usize,
    /// Most requests in one batch.
    pub batch: usize,
    /// Number of answers kept for requests that come again with the same id.
    pub remembered: usize,
    /// Seconds that a request's body may take to arrive.
    pub read_seconds: f64,
    /// Seconds that open requests have to finish at shutdown.
    pub drain_seconds: f64,
    /// Python interpreter of the process engine; `python3` from the path if unset.
    pub python: Option<PathBuf>,
    /// Folder of packages for Python programs on the process engine, with a folder `cpXY` for each version; if unset,
    /// the one that `cargo xtask setup` made.
    pub packages: Option<PathBuf>,
    /// Further languages, each with the command that runs its programs.
    pub commands: Vec<CommandLanguage>,
    /// Upper bounds of the limits that a request may ask for.
    pub max_limits: Limits,
    /// File of the wasm engine's interpreter; the one that `cargo xtask setup` made if unset.
    pub component: Option<PathBuf>,
    /// Program that is started as a worker of the wasm engine; this program itself if unset.
    pub worker: Option<PathBuf>,
    /// Engine for requests that name none. Unset or `auto` chooses for each program: the process engine for one that
    /// needs what the wasm engine lacks, else `wasm` where it is set up.
    #[serde(deserialize_with = "named_engine")]
    pub default_engine: Option<EngineKind>,
    /// Lowest level of isolation with which the server starts.
    pub minimum_isolation: Isolation,
    /// True gives each run a network namespace of its own, which is slower; false leaves it in its worker's, which is
    /// empty too.
    pub net_each_run: bool,
    /// True puts workers into control groups (version 2) where this process may make some.
    pub cgroup: bool,
}

/// A language that the process engine runs by a command from the settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CommandLanguage {
    /// Name that requests use; needed.
    pub language: String,
    /// File that a program's text is written to, such as `main.rb`; needed.
    pub source: String,
    /// Command that compiles `source`, run in its folder; empty where the source runs as it is. Programs by whole path.
    pub compile: Vec<String>,
    /// File that `compile` makes; needed with it.
    pub product: String,
    /// Command that runs the program, in the folder of `source`, or of `product` where it is compiled; needed.
    pub run: Vec<String>,
    /// Files and folders that the commands need besides the system's libraries; shown read-only.
    pub needs: Vec<PathBuf>,
    /// True where the memory limit also holds for address space; false for run-times that reserve more than they use.
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
            packages: None,
            commands: Vec::new(),
            max_limits: Limits {
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
    /// Reads settings in JSON.
    ///
    /// # Errors
    /// [`SandboxError::BadConfig`]: no JSON, an unknown key, a key that was renamed.
    pub fn from_json(text: &[u8]) -> Result<Self, SandboxError> {
        let bad = |error: serde_json::Error| SandboxError::BadConfig(error.to_string());
        let settings: serde_json::Value = serde_json::from_slice(text).map_err(bad)?;
        if settings.get("most").is_some() {
            let renamed = "`most` is called `max_limits` now; rename the key";
            return Err(SandboxError::BadConfig(renamed.to_owned()));
        }
        // Parsed from the text once more, not from the value, so that an error names its line.
        serde_json::from_slice(text).map_err(bad)
    }

    /// Checks that counts and times are in range and that each command language is complete.
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

    /// Finds the token that callers must send, in the settings or the file that they name.
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
                "{address} can be reached from other machines: give a token, or set `allow_no_token = true` where a \
                 wall of your own keeps strangers out"
            )));
        }
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_key_is_refused_with_its_new_name() {
        let error = ServerConfig::from_json(br#"{"most": {"wall_seconds": 3.0}}"#).unwrap_err();
        assert!(error.to_string().contains("`max_limits`"), "{error}");
        let config = ServerConfig::from_json(br#"{"max_limits": {"wall_seconds": 3.0}}"#).unwrap();
        assert_eq!(config.max_limits.wall_seconds, 3.0);
        for (text, engine) in [("null", None), ("\"auto\"", None), ("\"wasm\"", Some(EngineKind::Wasm))] {
            let config = ServerConfig::from_json(format!("{{\"default_engine\": {text}}}").as_bytes()).unwrap();
            assert_eq!(config.default_engine, engine);
        }
        let error = ServerConfig::from_json(b"{\"workers\": 2,\n\"wokers\": 2}").unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
    }
}
