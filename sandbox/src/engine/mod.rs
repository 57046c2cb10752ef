//! The engines, which run programs. Both take the same jobs and give the same outcomes, so grading sees no difference.
//!
//! `process` runs the host's interpreter in namespaces of its own; `wasm` runs CPython as WebAssembly. `python/` is the
//! Python that runs beside a program in either engine.

mod chooser;
mod job;
mod lack;
pub(crate) mod process;
pub(crate) mod wasm;
mod wire;

use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use sandbox_api::{EngineKind, Language, Limits};

pub(crate) use self::chooser::EngineChooser;
pub(crate) use self::job::{AssertResult, Exchange, Job, Judged, Judgement, Outcome, RunEnd};
pub(crate) use self::lack::Lack;
pub(crate) use self::process::{Prepared, ProcessEngine, ProcessWorker, Ready, compile_limits};
pub use self::wasm::run_worker_if_asked;
use crate::{SandboxError, ServerConfig};

/// False where the first worker of a server of these settings compiles the sandbox's Python: once on a machine, in 10 s
/// or so.
pub fn is_python_compiled(config: &ServerConfig) -> bool {
    wasm::WasmEngine::is_compiled(config)
}

/// Starts workers of every engine that this server has.
#[derive(Debug, Clone)]
pub(crate) struct Engines {
    /// The process engine, or why it cannot be used.
    process: Result<ProcessEngine, String>,
    /// The wasm engine, or why it cannot be used.
    wasm: Result<wasm::WasmEngine, String>,
    chooser: EngineChooser,
}

impl Engines {
    /// Joins the engines that can be used, of which there is one at least.
    ///
    /// # Errors
    /// The settings name a default engine that is not there.
    pub(crate) fn new(
        config: &ServerConfig,
        process: Result<ProcessEngine, String>,
        wasm: Result<wasm::WasmEngine, String>,
    ) -> Result<Self, SandboxError> {
        let reason = match config.default_engine {
            Some(EngineKind::Wasm) => wasm.as_ref().err(),
            Some(EngineKind::Process) => process.as_ref().err(),
            None => None,
        };
        if let (Some(kind), Some(reason)) = (config.default_engine, reason) {
            return Err(SandboxError::EngineMissing { kind, reason: reason.clone() });
        }
        let catalog = process.as_ref().ok().map(|engine| engine.catalog().clone());
        let chooser = EngineChooser::new(config.default_engine, wasm.is_ok(), catalog);
        Ok(Self { process, wasm, chooser })
    }

    /// Chooses the engine of a request.
    pub(crate) fn chooser(&self) -> &EngineChooser {
        &self.chooser
    }

    /// Starts a worker, which dies with the calling thread.
    ///
    /// # Errors
    /// The engine is not there, or its worker does not start.
    pub(crate) fn start(&self, kind: EngineKind) -> Result<Worker, SandboxError> {
        let missing = |reason: &String| SandboxError::EngineMissing { kind, reason: reason.clone() };
        match kind {
            EngineKind::Process => Ok(Worker::Process(self.process.as_ref().map_err(missing)?.start()?)),
            EngineKind::Wasm => Ok(Worker::Wasm(self.wasm.as_ref().map_err(missing)?.start()?)),
        }
    }
}

/// A running worker of one engine.
pub(crate) enum Worker {
    Process(ProcessWorker),
    Wasm(wasm::WasmWorker),
}

impl Worker {
    /// Engine of the worker.
    pub(crate) fn kind(&self) -> EngineKind {
        match self {
            Worker::Process(_) => EngineKind::Process,
            Worker::Wasm(_) => EngineKind::Wasm,
        }
    }

    /// Process id of the worker.
    pub(crate) fn id(&self) -> u32 {
        match self {
            Worker::Process(worker) => worker.id(),
            Worker::Wasm(worker) => worker.id(),
        }
    }

    /// True once the worker's process has ended; the process is not reaped here.
    pub(crate) fn has_ended(&self) -> bool {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        !matches!(waitid(Id::Pid(Pid::from_raw(self.id() as i32)), flags), Ok(WaitStatus::StillAlive))
    }

    /// Runs one job to its end.
    ///
    /// # Errors
    /// [`SandboxError::WorkerLost`]: the worker is of no more use.
    pub(crate) fn run(&mut self, job: &Job<'_>) -> Result<Outcome, SandboxError> {
        match self {
            Worker::Process(_) if job.limits().fuel.is_some() => Err(no_fuel()),
            Worker::Process(worker) => worker.run(job),
            Worker::Wasm(worker) => worker.run(job),
        }
    }

    /// Runs asserts beside a program. The judgement is `None` where the judge itself ended early.
    ///
    /// # Errors
    /// [`SandboxError::WorkerLost`]: the worker is of no more use.
    pub(crate) fn run_asserts(
        &mut self,
        job: &Job<'_>,
        setup: &str,
        tests: &[String],
        stop: bool,
    ) -> Result<(Outcome, Option<Judgement>), SandboxError> {
        match self {
            Worker::Process(_) if job.limits().fuel.is_some() => Err(no_fuel()),
            Worker::Process(worker) => worker.run_asserts(job, setup, tests, stop),
            Worker::Wasm(worker) => worker.run_asserts(job, setup, tests, stop),
        }
    }

    /// Makes a program in another language than Python ready to run; its compiler has at most `seconds`, where given.
    ///
    /// # Errors
    /// [`SandboxError::LanguageMissing`]: this engine, or this machine, does not have the language.
    pub(crate) fn prepare(
        &mut self,
        language: &Language,
        code: &str,
        limits: &Limits,
        seconds: Option<f64>,
    ) -> Result<Prepared, SandboxError> {
        match self {
            Worker::Process(_) if limits.fuel.is_some() => Err(no_fuel()),
            Worker::Process(worker) => worker.prepare(language, code, limits, seconds),
            Worker::Wasm(_) => Err(only_python()),
        }
    }

    /// Runs a program that was made ready.
    ///
    /// # Errors
    /// [`SandboxError::WorkerLost`]: the worker is of no more use.
    pub(crate) fn run_ready(
        &mut self,
        ready: &Ready,
        stdin: &str,
        exchange: Exchange<'_>,
        limits: &Limits,
    ) -> Result<Outcome, SandboxError> {
        match self {
            Worker::Process(worker) => worker.run_ready(ready, stdin, exchange, limits),
            Worker::Wasm(_) => Err(only_python()),
        }
    }
}

fn no_fuel() -> SandboxError {
    SandboxError::BadRequest("limits.fuel: only the wasm engine counts fuel".to_owned())
}

fn only_python() -> SandboxError {
    SandboxError::BadRequest(
        "engine: the wasm engine runs Python only; leave the engine out, or name process".to_owned(),
    )
}
