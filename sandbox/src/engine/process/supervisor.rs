//! Watches one candidate to its end: drains what it prints, and enforces wall clock, output, memory and processes.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use sandbox_api::Limits;

use super::candidate::RunningCandidate;
use super::usage::excess;
use crate::engine::{Outcome, RunEnd};

/// Time between two looks at the memory and the processes of a candidate.
const TICK: Duration = Duration::from_millis(50);
const BUFFER_BYTES: usize = 1 << 16;

/// A file that a candidate writes to.
trait Readable: Read + AsFd {}
impl<T: Read + AsFd> Readable for T {}

/// A file that a candidate writes to, and the bytes read from it so far.
struct Drain {
    file: Box<dyn Readable>,
    bytes: Vec<u8>,
    is_open: bool,
}

impl Drain {
    fn of(file: impl Readable + 'static) -> io::Result<Self> {
        fcntl(file.as_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Self { file: Box::new(file), bytes: Vec::new(), is_open: true })
    }

    /// Reads what is there, as far as there is `room` for it; true where it was too much.
    fn drain(&mut self, buffer: &mut [u8], room: &mut usize) -> io::Result<bool> {
        while self.is_open {
            match self.file.read(buffer) {
                Ok(0) => self.is_open = false,
                Ok(read) => {
                    let kept = read.min(*room);
                    self.bytes.extend_from_slice(&buffer[..kept]);
                    *room -= kept;
                    if kept < read {
                        self.is_open = false;
                        return Ok(true);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The other end of a socket was closed with something unread.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => self.is_open = false,
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}

/// Watches a candidate to its end and reads what it prints, and what it returns by `channel` where no judge has that.
/// `worker` is a socket that hangs up when the candidate's worker has ended.
///
/// # Errors
/// The worker has ended, or the candidate does not end.
pub(super) fn watch(
    running: RunningCandidate,
    channel: Option<UnixStream>,
    worker: BorrowedFd<'_>,
    limits: &Limits,
) -> io::Result<Outcome> {
    let RunningCandidate { mut process, stdout, stderr, began, .. } = running;
    let mut sources = vec![Drain::of(stdout)?, Drain::of(stderr)?];
    if let Some(channel) = channel {
        sources.push(Drain::of(channel)?);
    }
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut room = usize::try_from(limits.output_bytes).unwrap_or(usize::MAX);
    let deadline = began + Duration::from_secs_f64(limits.wall_seconds);
    let (mut end, mut weighed) = (None, began);
    while end.is_none() {
        let mut files = vec![
            PollFd::new(process.ended(), PollFlags::POLLIN),
            // A hang-up is reported without being asked for (poll(2)).
            PollFd::new(worker, PollFlags::empty()),
        ];
        let open = sources.iter().filter(|source| source.is_open);
        files.extend(open.map(|source| PollFd::new(source.file.as_fd(), PollFlags::POLLIN)));
        let left = deadline.saturating_duration_since(Instant::now()).min(TICK);
        // The timeout is in whole milliseconds: round up.
        let timeout = PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX);
        match poll(&mut files, timeout) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [has_ended, is_orphan] =
            [0, 1].map(|index| files[index].revents().is_some_and(|events| !events.is_empty()));
        if is_orphan {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for source in &mut sources {
            if source.drain(&mut buffer, &mut room)? {
                end.get_or_insert(RunEnd::OutputLimit);
            }
        }
        if has_ended {
            break;
        }
        let now = Instant::now();
        if now >= deadline {
            // The program may have ended since `poll` looked, on a busy machine long ago.
            if process.has_ended() {
                break;
            }
            end.get_or_insert(RunEnd::WallLimit);
        } else if end.is_none() && now - weighed >= TICK {
            weighed = now;
            end = excess(process.id(), limits);
        }
    }
    process.kill();
    let exit = process.wait()?;
    let seconds = began.elapsed().as_secs_f64();
    for source in &mut sources {
        if source.drain(&mut buffer, &mut room)? {
            end.get_or_insert(RunEnd::OutputLimit);
        }
    }
    let mut bodies = sources.into_iter().map(|source| source.bytes);
    Ok(Outcome {
        end: end.unwrap_or(if exit.code < 0 { RunEnd::Signaled } else { RunEnd::Exited }),
        code: exit.code.abs(),
        seconds,
        cpu_seconds: exit.cpu_seconds,
        peak_bytes: exit.peak_bytes,
        stdout: bodies.next().unwrap_or_default(),
        stderr: bodies.next().unwrap_or_default(),
        returned: bodies.next().unwrap_or_default(),
    })
}
