//! The worker's process: this program's own executable, started again. Reads jobs from a socket and runs one at a time.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;

use super::component::Component;
use super::confine::confine;
use super::ended::Ended;
use super::frozen_interpreter::FrozenInterpreter;
use super::protocol::{ARGUMENT, Hello, ReceivedJob, WorkerSettings};
use crate::Isolation;
use crate::engine::wire::{OutcomeHeader, read_frame, write_frame};

/// Time that a worker waits for its next job: a hundred years, since `read_frame` takes a deadline.
const PATIENCE: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

static IS_WORKER_WHEN_ASKED: AtomicBool = AtomicBool::new(false);

/// True once this program calls [`run_worker_if_asked`], so that its executable can be started as a worker.
pub(super) fn is_worker_when_asked() -> bool {
    IS_WORKER_WHEN_ASKED.load(Ordering::Relaxed)
}

/// Makes this process a worker of the wasm engine if it was started as one; then this never returns.
///
/// Programs that start a server call this first in `main`: the server starts its workers from the program's own
/// executable.
pub fn run_worker_if_asked() {
    IS_WORKER_WHEN_ASKED.store(true, Ordering::Relaxed);
    if std::env::args_os().nth(1).is_some_and(|argument| argument == ARGUMENT) {
        let status = match serve() {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("sandbox worker: {error}");
                1
            }
        };
        std::process::exit(status);
    }
}

fn serve() -> io::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    let mut socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let settings: WorkerSettings = read_frame(&mut socket, Instant::now() + PATIENCE)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let mut interpreter = match prepare(&settings) {
        Ok((interpreter, layers)) => {
            write_frame(&mut socket, &Hello { error: None, layers })?;
            interpreter
        }
        Err(error) => return write_frame(&mut socket, &Hello { error: Some(error), ..Hello::default() }),
    };
    loop {
        runtime.block_on(interpreter.stand_by());
        let received: ReceivedJob = match read_frame(&mut socket, Instant::now() + PATIENCE) {
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        let is_judged = received.tests.is_some();
        let ended = runtime.block_on(interpreter.run(received))?;
        answer(&mut socket, ended, is_judged)?;
    }
}

fn prepare(settings: &WorkerSettings) -> Result<(FrozenInterpreter, BTreeMap<String, String>), String> {
    let component = Component::find(Some(&settings.component))?;
    let interpreter = FrozenInterpreter::load(&component)?;
    let layers = confine();
    let needed: &[&str] = match settings.minimum {
        Isolation::None => &[],
        Isolation::Filtered | Isolation::Standard => &["rlimits", "seccomp"],
        Isolation::Strict => &["rlimits", "seccomp", "landlock"],
    };
    let missing = layers.iter().find(|(layer, error)| needed.contains(&layer.as_str()) && !error.is_empty());
    match missing {
        Some((layer, error)) => Err(format!("{layer}: {error}")),
        None => Ok((interpreter, layers)),
    }
}

fn answer(socket: &mut UnixStream, ended: Ended, is_judged: bool) -> io::Result<()> {
    let report = OutcomeHeader {
        end: ended.end,
        code: ended.code,
        seconds: ended.seconds,
        cpu_seconds: ended.cpu_seconds,
        peak_bytes: ended.peak_bytes,
        detail: ended.detail,
        sizes: vec![ended.stdout.len(), ended.stderr.len(), ended.returned.len()],
    };
    write_frame(socket, &report)?;
    for body in [ended.stdout, ended.stderr, ended.returned] {
        socket.write_all(&body)?;
    }
    if is_judged {
        write_frame(socket, &ended.judged)?;
    }
    Ok(())
}
