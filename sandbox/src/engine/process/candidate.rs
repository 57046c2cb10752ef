//! A candidate's process with its files, from the moment it is asked for; it stands by until its job is there.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, PipeReader};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::forked::{Forked, Newborn};
use super::memory_file;
use super::zygote::{Part, Zygote};
use crate::Limits;
use crate::engine::Job;
use crate::engine::wire::{read_frame, write_frame};

/// Seconds that it may take to put up its layers.
const SETUP_SECONDS: u64 = 10;

/// What a candidate is confined to before it knows its job.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Confines {
    /// Whole seconds of processor time.
    cpu_seconds: u64,
    memory_bytes: u64,
    processes: u64,
    file_bytes: u64,
    /// Whether the limit on memory is one on address space too.
    limits_address_space: bool,
}

impl Confines {
    /// Those of a program under `limits`.
    pub fn new(limits: &Limits, limits_address_space: bool) -> Self {
        let Limits { memory_bytes, processes, file_bytes, .. } = *limits;
        let cpu_seconds = (limits.cpu_seconds.ceil() as u64).max(1);
        Self { cpu_seconds, memory_bytes, processes, file_bytes, limits_address_space }
    }

    /// Those of a job.
    pub fn of(job: &Job<'_>) -> Self {
        Self::new(job.limits(), !matches!(job, Job::Command { address_space: false, .. }))
    }

    /// As the interpreter reads them: numbers of eight bytes each.
    pub fn to_bytes(&self) -> Vec<u8> {
        let address_space = if self.limits_address_space { self.memory_bytes } else { u64::MAX };
        let numbers = [self.cpu_seconds, self.processes, self.file_bytes, address_space];
        // The interpreter's numbers have a sign.
        numbers.iter().flat_map(|number| (*number).min(i64::MAX as u64).to_le_bytes()).collect()
    }
}

/// A candidate that stands by, or is about to.
pub(super) struct Candidate {
    pub confines: Confines,
    newborn: Newborn,
    /// What it says of its layers, and where its job goes.
    talk: UnixStream,
    /// What it reads as its standard input: filled with the job, and then not to be changed any more.
    stdin: File,
    stdout: PipeReader,
    stderr: PipeReader,
    channel: UnixStream,
}

/// A candidate at its job.
pub(super) struct Running {
    pub process: Forked,
    pub stdout: PipeReader,
    pub stderr: PipeReader,
    /// Layers tried, with the error of those that are not up.
    pub layers: BTreeMap<String, String>,
    pub began: Instant,
}

/// What a candidate says once, when it stands by.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ready {
    Layers(BTreeMap<String, String>),
    Failed(String),
}

impl Candidate {
    /// Asks for one; `artifact` is handed to it.
    pub fn ask(zygote: &Zygote, confines: Confines, artifact: Option<BorrowedFd<'_>>) -> io::Result<Self> {
        let (talk, talk_end) = UnixStream::pair()?;
        let stdin = memory_file::make("stdin")?;
        let ((stdout, stdout_end), (stderr, stderr_end)) = (io::pipe()?, io::pipe()?);
        let (channel, channel_end) = UnixStream::pair()?;
        let files = [talk_end.as_fd(), stdin.as_fd(), stdout_end.as_fd(), stderr_end.as_fd(), channel_end.as_fd()];
        let files: Vec<BorrowedFd<'_>> = files.into_iter().chain(artifact).collect();
        let newborn = zygote.ask(Part::Candidate(&confines), &files)?;
        Ok(Self { confines, newborn, talk, stdin, stdout, stderr, channel })
    }

    /// Gives it its job; returns it with the other end of the channel that it answers by.
    ///
    /// # Errors
    /// It could not be set up, or has ended.
    pub fn begin(mut self, job: &Job<'_>) -> io::Result<(Running, UnixStream)> {
        let process = self.newborn.adopt()?;
        // Only then is it known to end with this thread.
        let ready: Ready = read_frame(&mut self.talk, Instant::now() + Duration::from_secs(SETUP_SECONDS))?;
        let layers = match ready {
            Ready::Layers(layers) => layers,
            Ready::Failed(detail) => return Err(io::Error::other(format!("a run could not be set up: {detail}"))),
        };
        let (job, input) = job.split_stdin();
        self.stdin.write_all_at(input.as_bytes(), 0)?;
        memory_file::seal(&self.stdin)?;
        if process.has_ended() {
            return Err(io::Error::other("it was ended while it stood by"));
        }
        let began = Instant::now();
        match write_frame(&mut self.talk, &job) {
            // It has ended before it had read it all, and how will be seen.
            Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {}
            written => written?,
        }
        let Self { stdout, stderr, channel, .. } = self;
        Ok((Running { process, stdout, stderr, layers, began }, channel))
    }
}
