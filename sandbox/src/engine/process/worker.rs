//! One worker: a warm interpreter that runs one program at a time. Says how a program ended, not whether it was right.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use confine::{ProcessLimits, Report};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use sandbox_api::{Language, Limits};

use super::candidate::{Candidate, Running, process_limits, process_limits_of};
use super::cgroup::Groups;
use super::forked::keep_ended_children;
use super::interpreter::{Interpreter, outermost};
use super::judge::{Judge, TestJob};
use super::memory_file;
use super::ready::{self, Prepared, Ready, compile_limits};
use super::supervisor::watch;
use super::toolchain::Toolchain;
use super::zygote::{Zygote, ZygoteOptions};
use crate::engine::wire::lost;
use crate::engine::{Exchange, Job, Judgement, Outcome, RunEnd};
use crate::{SandboxError, ServerConfig};

/// Starts workers.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    toolchains: Arc<[Toolchain]>,
    options: ZygoteOptions,
    /// Why workers have no control groups.
    no_groups: Option<String>,
}

impl Engine {
    /// Finds the interpreter, the toolchains and the control groups.
    pub fn prepare(config: &ServerConfig, strict: bool, confined: bool) -> Result<Self, SandboxError> {
        keep_ended_children();
        // A worker has some twenty files; many workers have more than programs are usually allowed.
        if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
            let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
        }
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
                library: library()?.into(),
                is_strict: strict,
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
        let zygote = Zygote::start(&self.options)?;
        let (toolchains, stands_by) = (self.toolchains.clone(), self.options.is_strict);
        let mut worker =
            Worker { next: None, next_judge: None, zygote, toolchains, stands_by, report: Report::default() };
        worker.stand_by(process_limits(&Limits::default(), true));
        Ok(worker)
    }
}

/// The library that confines an interpreter's copies, in a file in memory that nobody can change.
fn library() -> Result<File, SandboxError> {
    const LIBRARY: &[u8] = include_bytes!(env!("CONFINE_LIBRARY"));
    let make = || {
        let mut file = memory_file::make("confine")?;
        file.write_all(LIBRARY)?;
        memory_file::seal(&file)?;
        Ok(file)
    };
    make().map_err(|error: io::Error| SandboxError::Start(format!("the library that confines programs: {error}")))
}

/// A running worker. What stands by is made ahead of its job, so that the job does not wait for it.
pub(crate) struct Worker {
    /// Stands by, confined as the last program was.
    next: Option<Candidate>,
    /// Stands by where the last program had a judge.
    next_judge: Option<Judge>,
    /// Dropped after what it made.
    zygote: Zygote,
    toolchains: Arc<[Toolchain]>,
    /// Whether anything does: not without namespaces, where programs see each other's processes.
    stands_by: bool,
    /// What the process that ran the last program said of its layers.
    report: Report,
}

impl Worker {
    /// What the process that ran the last program said of its layers.
    pub fn report(&self) -> Report {
        self.report
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
        let (running, channel) = self.begin(job, artifact).map_err(lost)?;
        self.report = running.report;
        let outcome = watch(running, Some(channel), self.zygote.control(), job.limits()).map_err(lost)?;
        self.explain(outcome, killed)
    }

    /// Gives a job to the candidate that stands by, or to a new one where that is confined otherwise.
    fn begin(&mut self, job: &Job<'_>, artifact: Option<BorrowedFd<'_>>) -> io::Result<(Running, UnixStream)> {
        let wanted = process_limits_of(job);
        if artifact.is_some() {
            return Candidate::ask(&self.zygote, wanted, artifact)?.begin(job);
        }
        // One that does not suit is ended here, before the job's time begins.
        let next = self.next.take().filter(|next| next.process_limits == wanted);
        let begun = match next.map(|next| next.begin(job)) {
            Some(Ok(begun)) => begun,
            // One that was lost while it stood by is no reason to lose the worker.
            lost => {
                if let Some(Err(error)) = lost {
                    tracing::debug!(%error, "a process that stood by was lost");
                }
                Candidate::ask(&self.zygote, wanted.clone(), None)?.begin(job)?
            }
        };
        self.stand_by(wanted);
        Ok(begun)
    }

    fn stand_by(&mut self, limits: ProcessLimits) {
        if self.stands_by {
            // What went wrong shows when one is needed.
            self.next = Candidate::ask(&self.zygote, limits, None).ok();
        }
    }

    /// Sets the control group's limits for one run; says how many processes it has killed so far.
    fn limit(&mut self, limits: &Limits, is_judged: bool) -> Result<u64, SandboxError> {
        let Some(group) = &mut self.zygote.group else { return Ok(0) };
        group.apply(limits, is_judged).and_then(|()| group.num_killed()).map_err(lost)
    }

    /// A program of which the control group killed a process ran out of memory, however its first process ended.
    fn explain(&self, outcome: Outcome, killed_before: u64) -> Result<Outcome, SandboxError> {
        Ok(match &self.zygote.group {
            Some(group)
                if matches!(outcome.end, RunEnd::Signaled | RunEnd::Exited)
                    && group.num_killed().map_err(lost)? > killed_before =>
            {
                Outcome { end: RunEnd::MemoryLimit, ..outcome }
            }
            _ => outcome,
        })
    }

    /// Makes a program in another language ready: compiles it, where its language is compiled, for at most `seconds` where
    /// they are given.
    ///
    /// # Errors
    /// [`SandboxError::LanguageMissing`], or [`SandboxError::WorkerLost`].
    pub fn prepare(
        &mut self,
        language: &Language,
        code: &str,
        limits: &Limits,
        seconds: Option<f64>,
    ) -> Result<Prepared, SandboxError> {
        let toolchain = Toolchain::find(&self.toolchains, language)?.clone();
        if toolchain.compile.is_empty() {
            return Ok(Prepared::Ready(Box::new(Ready::interpreted(toolchain, code)), None));
        }
        let limits = compile_limits(limits, seconds);
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
    pub fn run_ready(
        &mut self,
        ready: &Ready,
        stdin: &str,
        exchange: Exchange<'_>,
        limits: &Limits,
    ) -> Result<Outcome, SandboxError> {
        self.run_with(&ready.job(stdin, exchange, limits), ready.artifact())
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
        let judge = self.next_judge.take().map_or_else(|| Judge::ask(&self.zygote), Ok).map_err(lost)?;
        let (running, channel) = self.begin(job, None).map_err(lost)?;
        let tests = TestJob { setup, tests, stop, limits: job.limits() };
        let judging = judge.begin(channel, &tests).map_err(lost)?;
        if self.stands_by {
            self.next_judge = Judge::ask(&self.zygote).ok();
        }
        let outcome = watch(running, None, self.zygote.control(), job.limits()).map_err(lost)?;
        let judgement = judging.end()?;
        Ok((self.explain(outcome, killed)?, judgement))
    }
}
