//! One worker: a warm interpreter that runs one program at a time. Says how a program ended, not whether it was right.

use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::cgroup::Groups;
use super::filter::Filters;
use super::interpreter::{Interpreter, outermost};
use super::ready::{self, Prepared, Ready, compile_limits};
use super::toolchain::Toolchain;
use super::zygote::{Zygote, ZygoteOptions};
use crate::engine::wire::{deadline, lost, read_frame, read_outcome, write_frame};
use crate::engine::{Job, Judged, Judgement, Outcome, RunEnd};
use crate::{Language, Limits, SandboxError, ServerConfig};

/// Starts workers.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    toolchains: Arc<[Toolchain]>,
    options: ZygoteOptions,
    /// Why workers have no control groups.
    no_groups: Option<String>,
}

#[derive(Serialize)]
struct JudgeJob<'a> {
    setup: &'a str,
    tests: &'a [String],
    stop: bool,
    limits: &'a Limits,
}

impl Engine {
    /// Finds the interpreter and compiles the filters.
    pub fn prepare(config: &ServerConfig, strict: bool, confined: bool) -> Result<Self, SandboxError> {
        let interpreter = Interpreter::discover(config.python.as_deref())?;
        let toolchains = Toolchain::discover(&config.commands);
        let needs = toolchains.iter().flat_map(|toolchain| toolchain.needs.iter().cloned());
        let needs = outermost(interpreter.needs.iter().cloned().chain(needs));
        // Preparing moves this process; it is not done for nothing.
        let prepared = if config.cgroup { Groups::prepare() } else { Err("switched off in the settings".to_owned()) };
        let (groups, no_groups) = match prepared {
            Ok(groups) => (Some(Arc::new(groups)), None),
            Err(reason) => (None, Some(reason)),
        };
        Ok(Self {
            toolchains: toolchains.into(),
            options: ZygoteOptions {
                interpreter,
                needs,
                filters: Filters::compile()?,
                strict,
                confined,
                net_each_run: config.net_each_run,
                groups,
            },
            no_groups,
        })
    }

    /// The interpreter's executable.
    pub fn interpreter(&self) -> &Path {
        &self.options.interpreter.executable
    }

    /// Why workers have no control groups; `None` where they have.
    pub fn no_groups(&self) -> Option<&str> {
        self.no_groups.as_deref()
    }

    /// Starts a worker, which dies with the calling thread.
    pub fn start(&self) -> Result<Worker, SandboxError> {
        Ok(Worker { zygote: Zygote::start(&self.options)?, toolchains: self.toolchains.clone() })
    }
}

/// A running worker.
pub(crate) struct Worker {
    zygote: Zygote,
    toolchains: Arc<[Toolchain]>,
}

impl Worker {
    /// The kernel's Landlock ABI, 0 where there is none.
    pub fn landlock_abi(&self) -> u32 {
        self.zygote.landlock_abi
    }

    /// The process id of the warm interpreter.
    pub fn id(&self) -> u32 {
        self.zygote.id()
    }

    /// Runs one job to its end.
    ///
    /// # Errors
    /// [`SandboxError::WorkerLost`]: the worker is of no more use.
    pub fn run(&mut self, job: &Job<'_>) -> Result<Outcome, SandboxError> {
        self.run_with(job, None)
    }

    fn run_with(&mut self, job: &Job<'_>, artifact: Option<BorrowedFd<'_>>) -> Result<Outcome, SandboxError> {
        let killed = self.limit(job.limits(), false)?;
        let mut run = self.zygote.fork(artifact).map_err(lost)?;
        write_frame(&mut run, job).map_err(lost)?;
        let outcome = read_outcome(&mut run, deadline(job.limits()))?;
        self.explain(outcome, killed)
    }

    /// Sets the control group's limits for one run; says how many processes it has killed so far.
    fn limit(&mut self, limits: &Limits, is_judged: bool) -> Result<u64, SandboxError> {
        let Some(group) = &mut self.zygote.group else { return Ok(0) };
        group.apply(limits, is_judged).and_then(|()| group.num_killed()).map_err(lost)
    }

    /// A program that the control group killed ran out of memory.
    fn explain(&self, outcome: Outcome, killed_before: u64) -> Result<Outcome, SandboxError> {
        Ok(match &self.zygote.group {
            Some(group) if outcome.end == RunEnd::Signaled && group.num_killed().map_err(lost)? > killed_before => {
                Outcome { end: RunEnd::MemoryLimit, ..outcome }
            }
            _ => outcome,
        })
    }

    /// Makes a program in another language ready: compiles it, where its language is compiled.
    ///
    /// # Errors
    /// [`SandboxError::LanguageMissing`], or [`SandboxError::WorkerLost`].
    pub fn prepare(&mut self, language: &Language, code: &str, limits: &Limits) -> Result<Prepared, SandboxError> {
        let toolchain = Toolchain::find(&self.toolchains, language)?.clone();
        if toolchain.compile.is_empty() {
            return Ok(Prepared::Ready(Box::new(Ready::interpreted(toolchain, code)), None));
        }
        let limits = compile_limits(limits);
        let outcome = self.run(&ready::compile_job(&toolchain, code, &limits))?;
        if outcome.end != RunEnd::Exited || outcome.code != 0 {
            return Ok(Prepared::Refused(outcome));
        }
        let ready = Ready::compiled(toolchain, &outcome.returned);
        let ready = ready.map_err(|error| SandboxError::Start(format!("a compiled program: {error}")))?;
        Ok(Prepared::Ready(Box::new(ready), Some(Outcome { returned: Vec::new(), ..outcome })))
    }

    /// Runs a program that was made ready.
    ///
    /// # Errors
    /// [`SandboxError::WorkerLost`]: the worker is of no more use.
    pub fn run_ready(&mut self, ready: &Ready, stdin: &str, limits: &Limits) -> Result<Outcome, SandboxError> {
        self.run_with(&ready.job(stdin, limits), ready.artifact())
    }

    /// Runs asserts beside a program. The judgement is `None` where the judge itself ended early.
    pub fn run_asserts(
        &mut self,
        job: &Job<'_>,
        setup: &str,
        tests: &[String],
        stop: bool,
    ) -> Result<(Outcome, Option<Judgement>), SandboxError> {
        let killed = self.limit(job.limits(), true)?;
        let (mut run, mut judge) = self.zygote.fork_judged().map_err(lost)?;
        let deadline = deadline(job.limits());
        write_frame(&mut judge, &JudgeJob { setup, tests, stop, limits: job.limits() }).map_err(lost)?;
        write_frame(&mut run, job).map_err(lost)?;
        let outcome = read_outcome(&mut run, deadline)?;
        let outcome = self.explain(outcome, killed)?;
        match read_frame(&mut judge, deadline) {
            Ok(Judged::Done(judgement)) => Ok((outcome, Some(judgement))),
            Ok(Judged::Failed { detail }) => Err(SandboxError::WorkerLost(format!("judge: {detail}"))),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok((outcome, None)),
            Err(error) => Err(lost(error)),
        }
    }
}
