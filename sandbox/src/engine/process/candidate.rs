//! A candidate's process with its files, from the request for it on; the process stands by until its job comes.

use std::fs::File;
use std::io::{self, PipeReader};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use confine::{Part, ProcessLimits, Report};

use super::forked_process::{ForkedProcess, PendingFork};
use super::memory_file;
use super::zygote::Zygote;
use crate::engine::Job;
use crate::engine::wire::{read_array, write_frame};

/// Seconds that a candidate may take to put up its layers.
const SETUP_SECONDS: u64 = 10;

/// A candidate that stands by, or is about to.
pub(super) struct Candidate {
    pub process_limits: ProcessLimits,
    fork: PendingFork,
    /// Socket on which the candidate reports its layers and reads its job.
    talk: UnixStream,
    /// Standard input of the candidate: filled when its job comes, then sealed.
    stdin: File,
    stdout: PipeReader,
    stderr: PipeReader,
    channel: UnixStream,
    /// True where the candidate ends if one of its layers cannot be put up.
    is_strict: bool,
}

/// A candidate that has its job.
pub(super) struct RunningCandidate {
    pub process: ForkedProcess,
    pub stdout: PipeReader,
    pub stderr: PipeReader,
    pub report: Report,
    pub began: Instant,
}

impl Candidate {
    /// Asks the zygote for a candidate, which is handed `artifact`.
    pub(super) fn ask(
        zygote: &Zygote,
        process_limits: ProcessLimits,
        artifact: Option<BorrowedFd<'_>>,
    ) -> io::Result<Self> {
        let (talk, talk_end) = UnixStream::pair()?;
        let stdin = memory_file::make("stdin")?;
        let ((stdout, stdout_end), (stderr, stderr_end)) = (io::pipe()?, io::pipe()?);
        let (channel, channel_end) = UnixStream::pair()?;
        let files = [talk_end.as_fd(), stdin.as_fd(), stdout_end.as_fd(), stderr_end.as_fd(), channel_end.as_fd()];
        let files: Vec<BorrowedFd<'_>> = files.into_iter().chain(artifact).collect();
        let fork = zygote.ask(&Part::Candidate(process_limits.clone()), &files)?;
        Ok(Self { process_limits, fork, talk, stdin, stdout, stderr, channel, is_strict: zygote.is_strict })
    }

    /// Gives the candidate its job; returns it with this end of the channel on which it answers.
    ///
    /// # Errors
    /// The candidate could not be set up, or has ended.
    pub(super) fn begin(mut self, job: &Job<'_>) -> io::Result<(RunningCandidate, UnixStream)> {
        let process = self.fork.adopt()?;
        // The report comes after the candidate has set its parent-death signal: from then on it ends with this thread.
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
            // The candidate ended before it read the whole job; the supervisor reports how.
            Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {}
            written => written?,
        }
        let Self { stdout, stderr, channel, .. } = self;
        Ok((RunningCandidate { process, stdout, stderr, report, began }, channel))
    }
}
