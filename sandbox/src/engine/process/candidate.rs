//! A candidate's process with its files, from the moment it is asked for; it stands by until its job is there.

use std::fs::File;
use std::io::{self, PipeReader};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use confine::{Part, ProcessLimits, Report};
use sandbox_api::Limits;

use super::forked::{Forked, Newborn};
use super::memory_file;
use super::zygote::Zygote;
use crate::engine::Job;
use crate::engine::wire::{read_array, write_frame};

/// Seconds that it may take to put up its layers.
const SETUP_SECONDS: u64 = 10;

/// Processes past the limit that the kernel still lets a candidate have, so that the server sees that it has too many.
const SPARE_PROCESSES: u64 = 4;
/// What a candidate's interpreter holds and gives back before it tells of an error, beside the memory that is the program's.
pub(super) const RESERVE_BYTES: u64 = 4 << 20;

/// What the kernel holds a program under `limits` to.
pub(super) fn process_limits(limits: &Limits, limits_address_space: bool) -> ProcessLimits {
    ProcessLimits {
        cpu_seconds: (limits.cpu_seconds.ceil() as u64).max(1),
        processes: limits.processes.saturating_add(SPARE_PROCESSES),
        file_bytes: limits.file_bytes,
        address_space: limits_address_space.then(|| limits.memory_bytes.saturating_add(RESERVE_BYTES)),
    }
}

/// What the kernel holds a job to.
pub(super) fn process_limits_of(job: &Job<'_>) -> ProcessLimits {
    process_limits(job.limits(), !matches!(job, Job::Command { address_space: false, .. }))
}

/// A candidate that stands by, or is about to.
pub(super) struct Candidate {
    pub process_limits: ProcessLimits,
    newborn: Newborn,
    /// What it says of its layers, and where its job goes.
    talk: UnixStream,
    /// What it reads as its standard input: filled with the job, and then not to be changed any more.
    stdin: File,
    stdout: PipeReader,
    stderr: PipeReader,
    channel: UnixStream,
    /// Whether it ends where one of its layers cannot be put up.
    is_strict: bool,
}

/// A candidate at its job.
pub(super) struct Running {
    pub process: Forked,
    pub stdout: PipeReader,
    pub stderr: PipeReader,
    /// Its layers.
    pub report: Report,
    pub began: Instant,
}

impl Candidate {
    /// Asks for one; `artifact` is handed to it.
    pub fn ask(zygote: &Zygote, process_limits: ProcessLimits, artifact: Option<BorrowedFd<'_>>) -> io::Result<Self> {
        let (talk, talk_end) = UnixStream::pair()?;
        let stdin = memory_file::make("stdin")?;
        let ((stdout, stdout_end), (stderr, stderr_end)) = (io::pipe()?, io::pipe()?);
        let (channel, channel_end) = UnixStream::pair()?;
        let files = [talk_end.as_fd(), stdin.as_fd(), stdout_end.as_fd(), stderr_end.as_fd(), channel_end.as_fd()];
        let files: Vec<BorrowedFd<'_>> = files.into_iter().chain(artifact).collect();
        let newborn = zygote.ask(&Part::Candidate(process_limits.clone()), &files)?;
        Ok(Self { process_limits, newborn, talk, stdin, stdout, stderr, channel, is_strict: zygote.is_strict })
    }

    /// Gives it its job; returns it with the other end of the channel that it answers by.
    ///
    /// # Errors
    /// It could not be set up, or has ended.
    pub fn begin(mut self, job: &Job<'_>) -> io::Result<(Running, UnixStream)> {
        let process = self.newborn.adopt()?;
        // Only then is it known to end with this thread.
        let deadline = Instant::now() + Duration::from_secs(SETUP_SECONDS);
        let report = Report::from_bytes(&read_array(&mut self.talk, deadline)?);
        if let (true, Some((layer, error))) = (self.is_strict, report.failed().next()) {
            return Err(io::Error::other(format!("a run could not be set up: {}: {error}", layer.name())));
        }
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
        Ok((Running { process, stdout, stderr, report, began }, channel))
    }
}
