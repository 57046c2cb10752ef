//! The process that runs asserts against a candidate, which it asks for plain data. The judge is trusted: it never
//! holds a candidate's code.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use confine::Part;
use sandbox_api::Limits;
use serde::Serialize;

use super::forked_process::{ForkedProcess, PendingFork};
use super::zygote::{Zygote, hand_over};
use crate::SandboxError;
use crate::engine::wire::{deadline, lost, read_frame, write_frame};
use crate::engine::{Judged, Judgement};

/// A judge that stands by, or is about to.
pub(super) struct Judge {
    fork: PendingFork,
    talk: UnixStream,
}

/// A judge that has its tests.
pub(super) struct Judging<'a> {
    _process: ForkedProcess,
    talk: UnixStream,
    limits: &'a Limits,
}

/// Work of a judge.
#[derive(Debug, Serialize)]
pub(super) struct JudgeJob<'a> {
    pub setup: &'a str,
    pub tests: &'a [String],
    pub stop: bool,
    /// Limits of the candidate.
    pub limits: &'a Limits,
}

impl Judge {
    /// Asks the zygote for a judge.
    pub(super) fn ask(zygote: &Zygote) -> io::Result<Self> {
        let (talk, talk_end) = UnixStream::pair()?;
        Ok(Self { fork: zygote.ask(&Part::Judge, &[talk_end.as_fd()])?, talk })
    }

    /// Gives the judge its tests and its end of the channel to the candidate.
    pub(super) fn begin<'a>(mut self, channel: UnixStream, job: &JudgeJob<'a>) -> io::Result<Judging<'a>> {
        let process = self.fork.adopt()?;
        hand_over(&self.talk, b"J", &[channel.as_fd()])?;
        write_frame(&mut self.talk, job)?;
        Ok(Judging { _process: process, talk: self.talk, limits: job.limits })
    }
}

impl Judging<'_> {
    /// Waits for the judge's findings; `None` where it ended early.
    ///
    /// # Errors
    /// [`SandboxError::WorkerLost`]: the judge failed.
    pub(super) fn end(mut self) -> Result<Option<Judgement>, SandboxError> {
        match read_frame(&mut self.talk, deadline(self.limits)) {
            Ok(Judged::Done(judgement)) => Ok(Some(judgement)),
            Ok(Judged::Failed { detail }) => Err(SandboxError::WorkerLost(format!("judge: {detail}"))),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(lost(error)),
        }
    }
}
