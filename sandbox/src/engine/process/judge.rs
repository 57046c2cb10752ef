//! The process that runs asserts against a candidate, which it asks for plain data. Trusted: it never holds a candidate's code.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use confine::Part;
use sandbox_api::Limits;
use serde::Serialize;

use super::forked::{Forked, Newborn};
use super::zygote::{Zygote, hand_over};
use crate::SandboxError;
use crate::engine::wire::{deadline, lost, read_frame, write_frame};
use crate::engine::{Judged, Judgement};

/// A judge that stands by, or is about to.
pub(super) struct Judge {
    newborn: Newborn,
    talk: UnixStream,
}

/// A judge at its tests.
pub(super) struct Judging<'a> {
    _process: Forked,
    talk: UnixStream,
    limits: &'a Limits,
}

/// What a judge is told.
#[derive(Debug, Serialize)]
pub(super) struct TestJob<'a> {
    pub setup: &'a str,
    pub tests: &'a [String],
    pub stop: bool,
    /// Those of the candidate.
    pub limits: &'a Limits,
}

impl Judge {
    /// Asks for one.
    pub fn ask(zygote: &Zygote) -> io::Result<Self> {
        let (talk, talk_end) = UnixStream::pair()?;
        Ok(Self { newborn: zygote.ask(&Part::Judge, &[talk_end.as_fd()])?, talk })
    }

    /// Gives it its tests, and the end of the channel at whose other end the candidate is.
    pub fn begin<'a>(mut self, channel: UnixStream, job: &TestJob<'a>) -> io::Result<Judging<'a>> {
        let process = self.newborn.adopt()?;
        hand_over(&self.talk, b"J", &[channel.as_fd()])?;
        write_frame(&mut self.talk, job)?;
        Ok(Judging { _process: process, talk: self.talk, limits: job.limits })
    }
}

impl Judging<'_> {
    /// What it found; `None` where it ended early.
    ///
    /// # Errors
    /// [`SandboxError::WorkerLost`]: it broke.
    pub fn end(mut self) -> Result<Option<Judgement>, SandboxError> {
        match read_frame(&mut self.talk, deadline(self.limits)) {
            Ok(Judged::Done(judgement)) => Ok(Some(judgement)),
            Ok(Judged::Failed { detail }) => Err(SandboxError::WorkerLost(format!("judge: {detail}"))),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(lost(error)),
        }
    }
}
