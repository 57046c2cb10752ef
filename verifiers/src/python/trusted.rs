//! A trusted plug-in: a warm process of the machine's interpreter, with the trainer's rights.

use std::collections::VecDeque;
use std::time::Duration;

use super::harness::{FINDING, Found, HarnessRun, JUDGING, Said, batch_line, step};
use super::open_batch::OpenBatch;
use super::plugin_file::PluginFile;
use crate::VerdictKind;
use crate::batching::Call;
use crate::line_process::{Broken, LineProcess, Step, with_words};

/// Longest time in which a file must be loaded: it may import what takes long.
const LOAD: Duration = Duration::from_secs(120);

/// Grace for a call that lets itself be interrupted at its limit; one that does not ends with its process.
const GRACE: Duration = Duration::from_millis(500);

/// A process with the plug-in loaded.
pub(super) struct TrustedProcess {
    process: LineProcess,
    run: HarnessRun,
}

fn start(file: &PluginFile, program: &str) -> Result<LineProcess, String> {
    LineProcess::start(&[file.config.python.clone(), "-c".to_owned(), program.to_owned()])
}

fn words(process: &LineProcess, broken: Broken, limit: Duration) -> String {
    match broken {
        Broken::Silent => with_words(&format!("after {} seconds", limit.as_secs_f64()), &process.said()),
        Broken::Malformed(how) => with_words(&how, &process.said()),
        Broken::Ended(how) => how,
    }
}

/// Loads the file and finds its function.
pub(super) async fn find(file: &PluginFile) -> Result<Found, String> {
    let run = HarnessRun::new();
    let mut process = start(file, FINDING)?;
    let header = run.header_of_finding(file, false);
    let mut found = Err("it ended without a word".to_owned());
    let exchange = process.exchange(&header, [LOAD; 2], |line| match run.read(line)? {
        Some(Said::Found(one, _)) => {
            found = Ok(one);
            Ok(Step::Done)
        }
        Some(Said::Refused(refused)) => {
            found = Err(refused);
            Ok(Step::Done)
        }
        _ => Ok(Step::Noise),
    });
    exchange.await.map_err(|broken| words(&process, broken, LOAD))?;
    found
}

/// Starts a process and loads the file.
async fn load(file: &PluginFile, found: &Found) -> Result<TrustedProcess, String> {
    let run = HarnessRun::new();
    let mut process = start(file, JUDGING)?;
    let header = run.header_of_judging(file, found, None, None);
    let exchange = process.exchange(&header, [LOAD; 2], |line| match run.read(line)? {
        Some(Said::Loaded) => Ok(Step::Done),
        Some(Said::Refused(refused)) => Err(refused),
        _ => Ok(Step::Noise),
    });
    exchange.await.map_err(|broken| format!("it does not load: {}", words(&process, broken, LOAD)))?;
    Ok(TrustedProcess { process, run })
}

/// The process of one worker, once there is one.
#[derive(Default)]
pub(super) struct TrustedWorker {
    kept: Option<TrustedProcess>,
}

impl TrustedWorker {
    /// Judges a batch in the process, or in a new one; the process is kept where it is whole.
    pub(super) async fn judge(&mut self, file: &PluginFile, found: &Found, batch: VecDeque<Call>) -> VecDeque<Call> {
        let line = batch_line(&batch);
        let mut open = OpenBatch::new(&file.name, &file.config, batch);
        let running = self.kept.take().and_then(|mut kept| kept.process.is_ready().then_some(kept));
        let mut process = match running {
            Some(process) => process,
            None => match load(file, found).await {
                Ok(process) => process,
                Err(problem) => return open.fail(VerdictKind::Crashed, &problem),
            },
        };
        let limit = Duration::try_from_secs_f64(file.config.timeout_seconds).unwrap_or(Duration::MAX);
        let run = &process.run;
        let exchange = process.process.exchange(&line, [limit.saturating_add(GRACE); 2], |line| {
            let said = run.read(line)?;
            let step = step(&said);
            said.into_iter().for_each(|said| open.take(said));
            Ok(step)
        });
        let broken = match exchange.await {
            Ok(()) => {
                self.kept = Some(process);
                return open.rest();
            }
            Err(broken) => broken,
        };
        let kind = if matches!(broken, Broken::Silent) { VerdictKind::TimedOut } else { VerdictKind::Crashed };
        open.blame(found, kind, &words(&process.process, broken, limit))
    }
}
