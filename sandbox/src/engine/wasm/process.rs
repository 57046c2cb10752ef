//! The worker's process: this program's own executable, started again. Reads jobs from a socket and runs one at a time.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

use super::component::Component;
use super::confine::confine;
use super::interpreter::{Ended, Interpreter, Task};
use crate::Isolation;
use crate::engine::wire::{Report, read_frame, write_frame};

/// The first argument that makes this program a worker.
pub(super) const ARGUMENT: &str = "__sandbox-wasm-worker";

/// How long a worker waits for its next job: for ever.
const PATIENCE: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// What a worker is told first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Settings {
    pub component: PathBuf,
    /// What must be up for it to start.
    pub minimum: Isolation,
}

/// What a worker answers to its settings.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Hello {
    /// Why it cannot work.
    pub error: Option<String>,
    /// Layers tried, with the error of those that are not up.
    pub layers: BTreeMap<String, String>,
}

static IS_WORKER_WHEN_ASKED: AtomicBool = AtomicBool::new(false);

/// Whether this program, started again, becomes a worker.
pub(super) fn is_worker_when_asked() -> bool {
    IS_WORKER_WHEN_ASKED.load(Ordering::Relaxed)
}

/// Makes this process a worker of the wasm engine where it was started as one, and never returns then.
///
/// Programs that start a server call this first in `main`: the server starts its workers from the program's own executable.
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
    let settings: Settings = read_frame(&mut socket, Instant::now() + PATIENCE)?;
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
        let task: Task = match read_frame(&mut socket, Instant::now() + PATIENCE) {
            Ok(task) => task,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        let is_judged = task.tests.is_some();
        let ended = runtime.block_on(interpreter.run(task))?;
        answer(&mut socket, ended, is_judged)?;
    }
}

fn prepare(settings: &Settings) -> Result<(Interpreter, BTreeMap<String, String>), String> {
    let component = Component::find(Some(&settings.component))?;
    let interpreter = Interpreter::load(&component)?;
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
    let report = Report {
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
