//! A worker on the server's side: its process, which is sent jobs one at a time and answers with their ends.

use std::os::unix::net::UnixStream;
use std::process::Child;
use std::time::{Duration, Instant};

use super::protocol::{AssertsJob, Hello, SentJob, WorkerSettings};
use crate::SandboxError;
use crate::engine::wire::{deadline, has_frame_within, lost, read_frame, read_outcome, write_frame};
use crate::engine::{Job, Judged, Judgement, Outcome};

/// Seconds that a worker's start may take; the first one on a machine compiles the interpreter.
const START_SECONDS: u64 = 900;
/// Seconds after which the log says why a start takes so long.
const QUICK_SECONDS: u64 = 3;

/// A running worker; ends when dropped.
pub(crate) struct WasmWorker {
    child: Child,
    socket: UnixStream,
}

impl WasmWorker {
    pub(super) fn new(child: Child, socket: UnixStream) -> Self {
        Self { child, socket }
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends the settings; the worker's answer to them.
    pub(super) fn greet(&mut self, settings: &WorkerSettings) -> std::io::Result<Hello> {
        write_frame(&mut self.socket, settings)?;
        if !has_frame_within(&self.socket, Duration::from_secs(QUICK_SECONDS))? {
            tracing::info!(
                "a worker of the wasm engine is slow to start: the machine is busy, or the interpreter is compiled for \
                 it, once, which takes about half a minute"
            );
        }
        read_frame(&mut self.socket, Instant::now() + Duration::from_secs(START_SECONDS))
    }

    /// Runs one job to its end.
    ///
    /// # Errors
    /// [`SandboxError::WorkerLost`]: the worker is of no more use.
    pub(crate) fn run(&mut self, job: &Job<'_>) -> Result<Outcome, SandboxError> {
        write_frame(&mut self.socket, &SentJob { job, tests: None }).map_err(lost)?;
        read_outcome(&mut self.socket, deadline(job.limits()))
    }

    /// Runs asserts beside a program. The judgement is `None` where the judge itself ended early.
    ///
    /// # Errors
    /// [`SandboxError::WorkerLost`]: the worker is of no more use.
    pub(crate) fn run_asserts(
        &mut self,
        job: &Job<'_>,
        setup: &str,
        tests: &[String],
        stop: bool,
    ) -> Result<(Outcome, Option<Judgement>), SandboxError> {
        let tests = Some(AssertsJob { setup: setup.to_owned(), tests: tests.to_owned(), stop });
        let deadline = deadline(job.limits());
        write_frame(&mut self.socket, &SentJob { job, tests }).map_err(lost)?;
        let outcome = read_outcome(&mut self.socket, deadline)?;
        let said: Option<String> = read_frame(&mut self.socket, deadline).map_err(lost)?;
        let judged = said.map(|said| serde_json::from_str(&said)).transpose();
        match judged.map_err(|error| SandboxError::WorkerLost(format!("judge: {error}")))? {
            None => Ok((outcome, None)),
            Some(Judged::Done(judgement)) => Ok((outcome, Some(judgement))),
            Some(Judged::Failed { detail }) => Err(SandboxError::WorkerLost(format!("judge: {detail}"))),
        }
    }
}

impl Drop for WasmWorker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::Command;
    use std::thread;

    use super::*;
    use crate::Isolation;

    #[test]
    fn a_greeting_that_begins_in_time_and_ends_late_is_read_whole() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut worker = WasmWorker::new(Command::new("sleep").arg("60").spawn().unwrap(), ours);
        let settings = WorkerSettings { component: "python.wasm".into(), minimum: Isolation::None };
        let answers = thread::spawn(move || {
            let hello = serde_json::to_vec(&Hello::default()).unwrap();
            theirs.write_all(&u32::try_from(hello.len()).unwrap().to_le_bytes()).unwrap();
            thread::sleep(Duration::from_secs(QUICK_SECONDS) + Duration::from_millis(200));
            theirs.write_all(&hello).unwrap();
            theirs
        });
        assert_eq!(worker.greet(&settings).unwrap().error, None);
        drop(answers.join().unwrap());
    }
}
