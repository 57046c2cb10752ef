//! The wasm engine on the server's side: finds its interpreter and the worker's program, and starts workers.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use sandbox_api::EngineKind;

use super::component::Component;
use super::process::is_worker_when_asked;
use super::protocol::{ARGUMENT, WorkerSettings};
use super::worker::WasmWorker;
use crate::{SandboxError, ServerConfig};

/// Starts workers of the wasm engine.
#[derive(Debug, Clone)]
pub(crate) struct WasmEngine {
    executable: PathBuf,
    settings: WorkerSettings,
}

impl WasmEngine {
    /// The engine, if its interpreter is set up and a program can become its worker.
    ///
    /// # Errors
    /// The missing part, and how to get it.
    pub(crate) fn prepare(config: &ServerConfig) -> Result<Self, String> {
        let component = Component::find(config.component.as_deref())?;
        let executable = match &config.worker {
            Some(path) => path.clone(),
            None if is_worker_when_asked() => PathBuf::from("/proc/self/exe"),
            None => return Err("this program does not become a worker when asked, and `worker` names none".to_owned()),
        };
        Ok(Self {
            executable,
            settings: WorkerSettings { component: component.path().to_owned(), minimum: config.minimum_isolation },
        })
    }

    /// False where a worker of these settings will compile its Python first: once on a machine, in 10 s or so.
    pub(crate) fn is_compiled(config: &ServerConfig) -> bool {
        let uses_wasm = config.default_engine != Some(EngineKind::Process);
        !uses_wasm || Component::find(config.component.as_deref()).map_or(true, |component| component.is_compiled())
    }

    /// Starts a worker, which dies with the calling thread.
    pub(crate) fn start(&self) -> Result<WasmWorker, SandboxError> {
        let failed = |reason: String| SandboxError::Start(reason);
        let (ours, theirs) = UnixStream::pair().map_err(|error| failed(error.to_string()))?;
        let mut command = Command::new(&self.executable);
        command.arg(ARGUMENT).env_clear().current_dir("/");
        // A program may find its shared libraries by this variable alone.
        if let Some(path) = std::env::var_os("LD_LIBRARY_PATH") {
            command.env("LD_LIBRARY_PATH", path);
        }
        // A group of its own: a terminal's signals to the server's group must not end it while the server drains.
        command.process_group(0);
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null());
        let child = command.spawn().map_err(|error| failed(format!("{}: {error}", self.executable.display())))?;
        let mut worker = WasmWorker::new(child, ours);
        let hello = worker.greet(&self.settings).map_err(|error| {
            failed(format!("{} did not become a worker of the wasm engine ({error})", self.executable.display()))
        })?;
        match hello.error {
            None => Ok(worker),
            Some(error) => Err(failed(error)),
        }
    }
}
