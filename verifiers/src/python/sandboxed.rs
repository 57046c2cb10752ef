//! A plug-in in the sandbox: a batch is one run of the code execution server, which holds it in its limits.
//!
//! A run may take as long as one call may, and some more: no call is begun in that, so that one which is ended by the
//! run's limit has had all of its time.

use std::collections::VecDeque;

use sandbox_api::{Client, ClientError, EngineKind, Limits, RunReport, RunRequest, RunStatus, shorten};

use super::config::PythonIsolation;
use super::harness::{Compiled, FINDING, Found, HarnessRun, JUDGING, Said, batch_line};
use super::open_batch::OpenBatch;
use super::plugin_file::PluginFile;
use crate::VerdictKind;
use crate::batching::Call;

/// Seconds in which a file must be loaded, at least: it is granted as long as judging takes where that is more.
const LOAD_SECONDS: f64 = 30.0;

/// Seconds that a run which judges has for loading, at least.
const LEAST_LOADING_SECONDS: f64 = 0.2;

/// Bytes that a run may print: its answers, and what a plug-in prints past the harness.
const OUTPUT_BYTES: u64 = 4 << 20;

/// Processes and threads of a run.
const PROCESSES: u64 = 16;

fn request(file: &PluginFile, program: &str, stdin: Vec<u8>, seconds: f64) -> RunRequest {
    RunRequest {
        code: program.to_owned(),
        engine: Some(match file.config.isolation {
            PythonIsolation::Jail => EngineKind::Process,
            _ => EngineKind::Wasm,
        }),
        stdin: String::from_utf8_lossy(&stdin).into_owned(),
        limits: Limits {
            wall_seconds: seconds,
            cpu_seconds: seconds + 1.0,
            memory_bytes: file.config.memory_bytes,
            output_bytes: OUTPUT_BYTES,
            processes: PROCESSES,
            submission_seconds: seconds + 1.0,
            ..Limits::default()
        },
        ..RunRequest::default()
    }
}

/// How a run ended, in words.
fn ended(report: &RunReport) -> String {
    let how = match report.status {
        RunStatus::Ok | RunStatus::RuntimeError => format!("its run ended with status {}", report.exit),
        status => format!("its run ended: {}", status.as_str()),
    };
    let last = report.stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if last.is_empty() { how } else { format!("{how}: {}", shorten(last.trim(), 500)) }
}

fn kind_of(status: RunStatus) -> VerdictKind {
    match status {
        RunStatus::TimeLimit => VerdictKind::TimedOut,
        RunStatus::MemoryLimit | RunStatus::OutputLimit | RunStatus::ProcessLimit => VerdictKind::OverBudget,
        RunStatus::Ok | RunStatus::RuntimeError => VerdictKind::Crashed,
    }
}

/// What is known of a plug-in once it was loaded in the sandbox.
pub(super) struct Sandboxed {
    pub client: Client,
    /// Seconds that loading it takes.
    load_seconds: f64,
    compiled: Option<Compiled>,
}

/// Seconds after which a run begins no call any more.
fn patience(file: &PluginFile) -> f64 {
    file.config.timeout_seconds / 4.0
}

/// Seconds that a run which judges may take, where loading takes `load_seconds`.
fn judging_seconds(file: &PluginFile, load_seconds: f64) -> f64 {
    (2.0 * load_seconds).max(LEAST_LOADING_SECONDS) + patience(file) + file.config.timeout_seconds
}

/// Loads the file and finds its function, in a run whose limits are as wide as those of the runs that will judge: what
/// the server does not grant them is found here.
pub(super) async fn find(file: &PluginFile, client: &Client) -> Result<(Found, Sandboxed), FindError> {
    let granted = LOAD_SECONDS.max(judging_seconds(file, 0.0));
    let (found, sandboxed) = find_within(file, client, granted).await?;
    let needed = judging_seconds(file, sandboxed.load_seconds);
    if needed > granted {
        find_within(file, client, needed).await?; // it is slow to load: are its runs granted so much more?
    }
    Ok((found, sandboxed))
}

async fn find_within(file: &PluginFile, client: &Client, seconds: f64) -> Result<(Found, Sandboxed), FindError> {
    let run = HarnessRun::new();
    let header = run.header_of_finding(file, true);
    let report = client.run(&request(file, FINDING, header, seconds)).await.map_err(FindError::Server)?;
    for line in report.stdout.lines() {
        match run.read(line).map_err(FindError::Plugin)? {
            Some(Said::Found(found, compiled)) => {
                let client = client.clone();
                return Ok((found, Sandboxed { client, load_seconds: report.seconds, compiled }));
            }
            Some(Said::Refused(refused)) => return Err(FindError::Plugin(refused)),
            _ => {}
        }
    }
    Err(FindError::Plugin(ended(&report)))
}

/// Why no function was found.
pub(super) enum FindError {
    /// The server did not run the file.
    Server(ClientError),
    /// The file is to blame.
    Plugin(String),
}

impl Sandboxed {
    /// Judges a batch in one run.
    pub(super) async fn judge(&self, file: &PluginFile, found: &Found, batch: VecDeque<Call>) -> VecDeque<Call> {
        let seconds = file.config.timeout_seconds;
        let run = HarnessRun::new();
        let mut stdin = run.header_of_judging(file, found, Some(patience(file)), self.compiled.as_ref());
        stdin.extend(batch_line(&batch));
        let program = self.compiled.as_ref().map_or_else(|| JUDGING.to_owned(), Compiled::program);
        let request = request(file, &program, stdin, judging_seconds(file, self.load_seconds));
        let mut open = OpenBatch::new(&file.name, &file.config, batch);
        let report = match self.client.run(&request).await {
            Ok(report) => report,
            // It may refuse what is large for the sake of one call.
            Err(error @ ClientError::Refused { .. }) => {
                return open.singly_or_fail(VerdictKind::Crashed, &error.to_string());
            }
            Err(error) => return open.fail(VerdictKind::Unavailable, &error.to_string()),
        };
        let mut is_loaded = false;
        for line in report.stdout.lines() {
            match run.read(line) {
                Ok(Some(Said::Loaded)) => is_loaded = true,
                Ok(Some(Said::Refused(refused))) => {
                    return open.fail(VerdictKind::Crashed, &format!("it does not load: {refused}"));
                }
                Ok(Some(said)) => open.take(said),
                Ok(None) | Err(_) => {} // what the plug-in printed, or a line that the run's end cut
            }
        }
        if open.is_over {
            return open.rest();
        }
        let (kind, how) = (kind_of(report.status), ended(&report));
        if is_loaded {
            let how = if kind == VerdictKind::TimedOut { format!("after {seconds} seconds") } else { how };
            return open.blame(found, kind, &how);
        }
        open.singly_or_fail(kind, &format!("it does not load: {how}"))
    }
}
