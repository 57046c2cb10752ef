//! The engines: what runs a program. Both take the same jobs and leave the same outcomes, so that grading does not see which
//! one it was.
//!
//! `process` runs the host's interpreter in namespaces of its own. `python/` is the Python that runs beside a program in
//! either engine.

mod job;
mod kind;
pub(crate) mod process;

pub(crate) use job::{AssertResult, Job, Judgement, Outcome, RunEnd};
pub use kind::EngineKind;
pub(crate) use process::{Prepared, Ready};

use crate::{Language, Limits, SandboxError};

/// Starts workers of every engine that this server has.
#[derive(Debug, Clone)]
pub(crate) struct Engines {
    process: process::Engine,
    default: EngineKind,
}

impl Engines {
    /// The engines, and the one for requests that name none.
    pub fn new(process: process::Engine, default: EngineKind) -> Self {
        Self { process, default }
    }

    /// The engine for requests that name none.
    pub fn default_kind(&self) -> EngineKind {
        self.default
    }

    /// Starts a worker, which dies with the calling thread.
    ///
    /// # Errors
    /// The engine is not there, or its worker does not start.
    pub fn start(&self, kind: EngineKind) -> Result<Worker, SandboxError> {
        match kind {
            EngineKind::Process => Ok(Worker::Process(self.process.start()?)),
            EngineKind::Wasm => {
                Err(SandboxError::EngineMissing { kind, reason: "this build does not have it".to_owned() })
            }
        }
    }
}

/// A running worker of one engine.
pub(crate) enum Worker {
    Process(process::Worker),
}

impl Worker {
    /// The id of its process.
    pub fn id(&self) -> u32 {
        match self {
            Worker::Process(worker) => worker.id(),
        }
    }

    /// Runs one job to its end.
    ///
    /// # Errors
    /// [`SandboxError::WorkerLost`]: the worker is of no more use.
    pub fn run(&mut self, job: &Job<'_>) -> Result<Outcome, SandboxError> {
        match self {
            Worker::Process(worker) => worker.run(job),
        }
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
        match self {
            Worker::Process(worker) => worker.run_asserts(job, setup, tests, stop),
        }
    }

    /// Makes a program in another language than Python ready to run.
    ///
    /// # Errors
    /// [`SandboxError::LanguageMissing`]: this engine, or this machine, does not have the language.
    pub fn prepare(&mut self, language: &Language, code: &str, limits: &Limits) -> Result<Prepared, SandboxError> {
        match self {
            Worker::Process(worker) => worker.prepare(language, code, limits),
        }
    }

    /// Runs a program that was made ready.
    ///
    /// # Errors
    /// [`SandboxError::WorkerLost`]: the worker is of no more use.
    pub fn run_ready(&mut self, ready: &Ready, stdin: &str, limits: &Limits) -> Result<Outcome, SandboxError> {
        match self {
            Worker::Process(worker) => worker.run_ready(ready, stdin, limits),
        }
    }
}
