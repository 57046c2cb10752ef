//! The server's side of a worker: starts the process, sends it jobs, reads how they ended.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::component::Component;
use super::interpreter::TestJob;
use super::process::{ARGUMENT, Hello, Settings, is_worker_when_asked};
use crate::engine::wire::{deadline, lost, read_frame, read_outcome, write_frame};
use crate::engine::{Job, Judged, Judgement, Outcome};
use crate::{SandboxError, ServerConfig};

/// Seconds that a worker's start may take; the first one on a machine compiles the interpreter.
const START_SECONDS: u64 = 900;
/// Seconds after which a start is explained.
const QUICK_SECONDS: u64 = 3;

/// Starts workers.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    executable: PathBuf,
    settings: Settings,
}

#[derive(Serialize)]
struct Request<'a> {
    job: &'a Job<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tests: Option<TestJob>,
}

impl Engine {
    /// The engine, if its interpreter is set up and there is a program to be its worker.
    ///
    /// # Errors
    /// What is missing, and what to do.
    pub fn prepare(config: &ServerConfig) -> Result<Self, String> {
        let component = Component::find(config.component.as_deref())?;
        let executable = match &config.worker {
            Some(path) => path.clone(),
            None if is_worker_when_asked() => PathBuf::from("/proc/self/exe"),
            None => return Err("this program does not become a worker when asked, and `worker` names none".to_owned()),
        };
        Ok(Self {
            executable,
            settings: Settings { component: component.path().to_owned(), minimum: config.minimum_isolation },
        })
    }

    /// Starts a worker, which dies with the calling thread.
    pub fn start(&self) -> Result<Worker, SandboxError> {
        let failed = |reason: String| SandboxError::Start(reason);
        let (ours, theirs) = UnixStream::pair().map_err(|error| failed(error.to_string()))?;
        let mut command = Command::new(&self.executable);
        command.arg(ARGUMENT).env_clear().current_dir("/");
        // The loader of a program that finds its libraries by the environment still needs it.
        if let Some(path) = std::env::var_os("LD_LIBRARY_PATH") {
            command.env("LD_LIBRARY_PATH", path);
        }
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null());
        let child = command.spawn().map_err(|error| failed(format!("{}: {error}", self.executable.display())))?;
        let mut worker = Worker { child, socket: ours };
        let hello = worker.greet(&self.settings).map_err(|error| {
            failed(format!("{} did not become a worker of the wasm engine ({error})", self.executable.display()))
        })?;
        match hello.error {
            None => Ok(worker),
            Some(error) => Err(failed(error)),
        }
    }
}

/// A running worker; ends when dropped.
pub(crate) struct Worker {
    child: Child,
    socket: UnixStream,
}

impl Worker {
    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn greet(&mut self, settings: &Settings) -> std::io::Result<Hello> {
        write_frame(&mut self.socket, settings)?;
        match read_frame(&mut self.socket, Instant::now() + Duration::from_secs(QUICK_SECONDS)) {
            Err(error) if matches!(error.kind(), std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock) => {
                tracing::info!("the wasm engine compiles its interpreter for this machine, once; about half a minute");
                read_frame(&mut self.socket, Instant::now() + Duration::from_secs(START_SECONDS))
            }
            other => other,
        }
    }

    /// Runs one job to its end.
    ///
    /// # Errors
    /// [`SandboxError::WorkerLost`]: the worker is of no more use.
    pub fn run(&mut self, job: &Job<'_>) -> Result<Outcome, SandboxError> {
        write_frame(&mut self.socket, &Request { job, tests: None }).map_err(lost)?;
        read_outcome(&mut self.socket, deadline(job.limits()))
    }

    /// Runs asserts beside a program. The judgement is `None` where the judge itself ended early.
    ///
    /// # Errors
    /// [`SandboxError::WorkerLost`]: the worker is of no more use.
    pub fn run_asserts(
        &mut self,
        job: &Job<'_>,
        setup: &str,
        tests: &[String],
        stop: bool,
    ) -> Result<(Outcome, Option<Judgement>), SandboxError> {
        let tests = Some(TestJob { setup: setup.to_owned(), tests: tests.to_owned(), stop });
        let deadline = deadline(job.limits());
        write_frame(&mut self.socket, &Request { job, tests }).map_err(lost)?;
        let outcome = read_outcome(&mut self.socket, deadline)?;
        let said: Option<String> = read_frame(&mut self.socket, deadline).map_err(lost)?;
        let judged = said.map(|said| serde_json::from_str(&said)).transpose();
        match judged.map_err(|error| SandboxError::WorkerLost(format!("judge: {error}")))? {
            None => Ok((outcome, None)),
            Some(Judged::Done(judgement)) => Ok((outcome, Some(judgement))),
            Some(Judged::Failed { detail }) => Err(SandboxError::WorkerLost(format!("judge: {detail}"))),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
