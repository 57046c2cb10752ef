//! One worker: a warm interpreter that runs one program at a time. Says how a program ended, not whether it was right.

use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use confine::{ProcessLimits, Report};
use sandbox_api::{Language, Limits};

use super::candidate::{Candidate, RunningCandidate};
use super::judge::{Judge, JudgeJob};
use super::limits::{process_limits, process_limits_of};
use super::ready::{self, Prepared, Ready, compile_limits};
use super::supervisor::watch;
use super::toolchain::Toolchain;
use super::zygote::Zygote;
use crate::SandboxError;
use crate::engine::wire::lost;
use crate::engine::{Exchange, Job, Judgement, Outcome, RunEnd};

/// A running worker. The next candidate and judge are made ahead of their job, so that the job does not wait for them.
pub(crate) struct ProcessWorker {
    /// Candidate that stands by, confined as the last program was.
    next: Option<Candidate>,
    /// Judge that stands by, where the last program had one.
    next_judge: Option<Judge>,
    /// Dropped after the processes that it made.
    zygote: Zygote,
    toolchains: Arc<[Toolchain]>,
    /// True where processes are made ahead: not without namespaces, where programs see each other's processes.
    stands_by: bool,
    /// Report of the last candidate on its layers.
    report: Report,
}

impl ProcessWorker {
    /// A worker around a warm interpreter. With `stands_by` a candidate is made ahead of the first job.
    pub(super) fn new(zygote: Zygote, toolchains: Arc<[Toolchain]>, stands_by: bool) -> Self {
        let report = Report::default();
        let mut worker = Self { next: None, next_judge: None, zygote, toolchains, stands_by, report };
        worker.stand_by(process_limits(&Limits::default(), true));
        worker
    }

    /// Report of the last candidate on its layers.
    pub(crate) fn report(&self) -> Report {
        self.report
    }

    /// Process id of the warm interpreter.
    pub(crate) fn id(&self) -> u32 {
        self.zygote.id()
    }

    /// Runs one job to its end.
    ///
    /// # Errors
    /// [`SandboxError::WorkerLost`]: the worker is of no more use.
    pub(crate) fn run(&mut self, job: &Job<'_>) -> Result<Outcome, SandboxError> {
        self.run_with(job, None)
    }

    fn run_with(&mut self, job: &Job<'_>, artifact: Option<BorrowedFd<'_>>) -> Result<Outcome, SandboxError> {
        let killed = self.limit(job.limits(), false)?;
        let (running, channel) = self.begin(job, artifact).map_err(lost)?;
        self.report = running.report;
        let outcome = watch(running, Some(channel), self.zygote.control(), job.limits()).map_err(lost)?;
        self.explain(outcome, killed)
    }

    /// Gives a job to the candidate that stands by, or to a new one where the job needs other confinement.
    fn begin(&mut self, job: &Job<'_>, artifact: Option<BorrowedFd<'_>>) -> io::Result<(RunningCandidate, UnixStream)> {
        let wanted = process_limits_of(job);
        if artifact.is_some() {
            return Candidate::ask(&self.zygote, wanted, artifact)?.begin(job);
        }
        // A candidate that does not suit is ended here, before the job's time begins.
        let next = self.next.take().filter(|next| next.process_limits == wanted);
        let begun = match next.map(|next| next.begin(job)) {
            Some(Ok(begun)) => begun,
            // A candidate that was lost while it stood by is no reason to lose the worker.
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
            // An error shows when the next job asks for a candidate again.
            self.next = Candidate::ask(&self.zygote, limits, None).ok();
        }
    }

    /// Sets the control group's limits for one run; returns how many of its processes the kernel has killed so far.
    fn limit(&mut self, limits: &Limits, is_judged: bool) -> Result<u64, SandboxError> {
        let Some(group) = &mut self.zygote.group else { return Ok(0) };
        group.apply(limits, is_judged).and_then(|()| group.num_killed()).map_err(lost)
    }

    /// Makes the end `MemoryLimit` where the kernel killed a process of the group, however the first process ended.
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

    /// Makes a program in another language ready: compiles it where its language is compiled, in at most `seconds`
    /// where they are given.
    ///
    /// # Errors
    /// [`SandboxError::LanguageMissing`], or [`SandboxError::WorkerLost`].
    pub(crate) fn prepare(
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
    pub(crate) fn run_ready(
        &mut self,
        ready: &Ready,
        stdin: &str,
        exchange: Exchange<'_>,
        limits: &Limits,
    ) -> Result<Outcome, SandboxError> {
        self.run_with(&ready.job(stdin, exchange, limits), ready.artifact())
    }

    /// Runs asserts beside a program. The judgement is `None` where the judge itself ended early.
    pub(crate) fn run_asserts(
        &mut self,
        job: &Job<'_>,
        setup: &str,
        tests: &[String],
        stop: bool,
    ) -> Result<(Outcome, Option<Judgement>), SandboxError> {
        let killed = self.limit(job.limits(), true)?;
        let judge = self.next_judge.take().map_or_else(|| Judge::ask(&self.zygote), Ok).map_err(lost)?;
        let (running, channel) = self.begin(job, None).map_err(lost)?;
        let tests = JudgeJob { setup, tests, stop, limits: job.limits() };
        let judging = judge.begin(channel, &tests).map_err(lost)?;
        if self.stands_by {
            self.next_judge = Judge::ask(&self.zygote).ok();
        }
        let outcome = watch(running, None, self.zygote.control(), job.limits()).map_err(lost)?;
        let judgement = judging.end()?;
        Ok((self.explain(outcome, killed)?, judgement))
    }
}
