//! A plug-in that is loaded, and the workers that judge its batches.

use std::collections::VecDeque;
use std::sync::Arc;

use sandbox_api::{Client, ClientError};

use super::config::{PythonConfig, PythonIsolation};
use super::harness::{Found, Style};
use super::plugin_file::PluginFile;
use super::sandboxed::{self, FindError, Sandboxed};
use super::trusted::{self, TrustedWorker};
use crate::VerifierError;
use crate::batching::{BatchWorker, Call};

/// A plug-in whose function is known.
pub(super) struct Plugin {
    file: PluginFile,
    found: Found,
    place: Place,
}

/// Where batches are judged.
enum Place {
    /// On the code execution server.
    Sandbox(Sandboxed),
    /// In processes of this machine.
    Machine,
}

impl Plugin {
    /// Reads a file, loads it where it will run, and finds its function.
    ///
    /// # Errors
    /// The file cannot be read, does not load, or has no function that fits, or two; the server is away.
    pub(super) async fn load(name: &str, config: &PythonConfig, client: &Client) -> Result<Self, VerifierError> {
        let file = PluginFile::read(name, config).await?;
        let (found, place) = match config.isolation {
            PythonIsolation::Trusted => {
                let found = trusted::find(&file).await;
                (found.map_err(|problem| file.refused(&problem))?, Place::Machine)
            }
            PythonIsolation::Wasm | PythonIsolation::Jail => {
                let found = sandboxed::find(&file, client).await;
                let (found, sandboxed) = found.map_err(|error| match error {
                    FindError::Plugin(problem) => file.refused(&problem),
                    FindError::Server(error @ ClientError::Refused { .. }) => file.refused_by_server(&error),
                    FindError::Server(error) => VerifierError::unavailable(name, error.to_string()),
                })?;
                (found, Place::Sandbox(sandboxed))
            }
        };
        if config.group && found.style != Style::Trl {
            let (key, function) = (format!("verifiers.python.{name}.group"), &found.function);
            let problem = format!(
                "{}: `{function}` is called for one completion at a time; `group` is for functions in TRL's style",
                config.file.display()
            );
            return Err(VerifierError::Config { key, problem });
        }
        Ok(Self { file, found, place })
    }

    /// The function, and how it is called.
    pub(super) fn found(&self) -> &Found {
        &self.found
    }
}

/// What judges a plug-in's batches: a process that is kept, or runs of the server.
pub(super) struct PythonWorker {
    plugin: Arc<Plugin>,
    trusted: TrustedWorker,
}

impl PythonWorker {
    /// A worker without a process.
    pub(super) fn new(plugin: Arc<Plugin>) -> Self {
        Self { plugin, trusted: TrustedWorker::default() }
    }
}

impl BatchWorker for PythonWorker {
    async fn judge(&mut self, batch: VecDeque<Call>) -> VecDeque<Call> {
        let Plugin { file, found, place } = &*self.plugin;
        match place {
            Place::Machine => self.trusted.judge(file, found, batch).await,
            Place::Sandbox(sandboxed) => sandboxed.judge(file, found, batch).await,
        }
    }
}
