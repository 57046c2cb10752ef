//! Frames between the server and an engine's processes: a length in four bytes, little-endian, then JSON. Knows nothing
//! of their meaning, but for the report that every run of the wasm engine ends with.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use sandbox_api::Limits;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Outcome, RunEnd};
use crate::SandboxError;

/// Most bytes of one frame.
const FRAME_BYTES: u32 = 1 << 30;
/// Seconds that a frame may take to be written.
const WRITE_SECONDS: u64 = 30;
/// Seconds past a program's wall clock after which its worker counts as lost.
const GRACE_SECONDS: u64 = 10;

/// Report of an engine's process on a candidate that ended; the bodies of the candidate's files follow.
#[derive(Serialize, Deserialize)]
pub(crate) struct OutcomeHeader {
    pub end: RunEnd,
    #[serde(default)]
    pub code: i32,
    #[serde(default)]
    pub seconds: f64,
    #[serde(default)]
    pub cpu_seconds: f64,
    #[serde(default)]
    pub peak_bytes: u64,
    #[serde(default)]
    pub detail: String,
    /// Bytes of each body that follows.
    #[serde(default)]
    pub sizes: Vec<usize>,
}

/// Writes a value as one frame: its length in four bytes, then JSON.
pub(crate) fn write_frame(stream: &mut UnixStream, value: &impl Serialize) -> io::Result<()> {
    write_body(stream, &serde_json::to_vec(value)?)
}

/// Writes bytes as one frame.
pub(crate) fn write_body(stream: &mut UnixStream, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(body.len()).map_err(|_| io::Error::other("a frame is over 4 GiB"))?;
    stream.set_write_timeout(Some(Duration::from_secs(WRITE_SECONDS)))?;
    stream.write_all(&length.to_le_bytes())?;
    stream.write_all(body)
}

/// Waits at most `patience` for a frame to begin, or the stream to end; false if neither came. Takes no byte.
pub(crate) fn has_frame_within(stream: &UnixStream, patience: Duration) -> io::Result<bool> {
    let mut streams = [PollFd::new(stream.as_fd(), PollFlags::POLLIN)];
    match poll(&mut streams, PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX)) {
        Err(Errno::EINTR) => Ok(false),
        polled => Ok(polled? > 0),
    }
}

/// Reads a frame before `deadline`. After an error the stream is of no more use: a part of the frame may be gone.
pub(crate) fn read_frame<T: DeserializeOwned>(stream: &mut UnixStream, deadline: Instant) -> io::Result<T> {
    let length = u32::from_le_bytes(read_array(stream, deadline)?);
    if length > FRAME_BYTES {
        return Err(io::Error::other("a frame is too long"));
    }
    Ok(serde_json::from_slice(&read_bytes(stream, length as usize, deadline)?)?)
}

/// Reads as many bytes as an array has before `deadline`.
pub(crate) fn read_array<const N: usize>(stream: &mut UnixStream, deadline: Instant) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    fill(stream, &mut bytes, deadline)?;
    Ok(bytes)
}

/// Reads exactly `count` bytes before `deadline`.
pub(crate) fn read_bytes(stream: &mut UnixStream, count: usize, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    fill(stream, &mut bytes, deadline)?;
    Ok(bytes)
}

fn fill(stream: &mut UnixStream, bytes: &mut [u8], deadline: Instant) -> io::Result<()> {
    let mut filled = 0;
    while filled < bytes.len() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        match stream.read(&mut bytes[filled..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads a report and the bodies that follow it: standard output, standard error, the returned value.
///
/// # Errors
/// [`SandboxError::WorkerLost`].
pub(crate) fn read_outcome(run: &mut UnixStream, deadline: Instant) -> Result<Outcome, SandboxError> {
    let report: OutcomeHeader = read_frame(run, deadline).map_err(lost)?;
    if report.end == RunEnd::SetupFailed {
        return Err(SandboxError::WorkerLost(format!("a run could not be set up: {}", report.detail)));
    }
    let mut bodies = Vec::new();
    for size in report.sizes {
        bodies.push(read_bytes(run, size, deadline).map_err(lost)?);
    }
    let mut bodies = bodies.into_iter();
    Ok(Outcome {
        end: report.end,
        code: report.code,
        seconds: report.seconds,
        cpu_seconds: report.cpu_seconds,
        peak_bytes: report.peak_bytes,
        stdout: bodies.next().unwrap_or_default(),
        stderr: bodies.next().unwrap_or_default(),
        returned: bodies.next().unwrap_or_default(),
    })
}

/// Time from which on a program's worker counts as lost.
pub(crate) fn deadline(limits: &Limits) -> Instant {
    Instant::now() + Duration::from_secs_f64(limits.wall_seconds) + Duration::from_secs(GRACE_SECONDS)
}

/// Turns an error of a worker's socket into the loss of the worker.
pub(crate) fn lost(error: io::Error) -> SandboxError {
    SandboxError::WorkerLost(match error.kind() {
        io::ErrorKind::UnexpectedEof => "it ended while it had a request".to_owned(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "it did not answer in time".to_owned(),
        _ => error.to_string(),
    })
}
