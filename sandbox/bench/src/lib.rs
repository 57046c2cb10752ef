//! Measures the code execution server: [`bench`] its speed, [`soak`] what holds under load and while workers are killed.
//!
//! [`bench`] times the engines through their server, beside other ways to run a Python program that this machine has.
//!
//! All take turns in one run, each for some programs on end, so that a busy machine slows them alike and none finds the caches
//! as another left them; what counts are the ratios.

mod peers;
mod programs;
mod report;
mod soak;
mod subject;
mod times;

use std::path::{Path, PathBuf};

use peers::{Peer, Start};
use programs::NUMERIC;
pub use report::{BenchReport, EngineFigures, Missing, NumericFigures, PeerFigures, RateRatio};
use sandbox::SandboxError;
use sandbox_api::{ClientError, EngineKind};
pub use soak::{SoakError, SoakOptions, SoakReport, soak};
use subject::Subject;
pub use times::Times;
use times::median;

/// How much is measured.
#[derive(Debug, Clone)]
pub struct BenchOptions {
    /// Runs of the trivial program, each.
    pub runs: usize,
    /// Gradings of an engine's rate, in each round.
    pub gradings: usize,
    /// Callers at once where a rate is measured.
    pub clients: usize,
    /// Worker processes of each server; 0 takes one for each core.
    pub workers: usize,
    /// Runs of each numeric program; 0 leaves them out.
    pub numeric_runs: usize,
    /// The Python of the process engine and of the peers; `python3` from the path if unset.
    pub python: Option<PathBuf>,
}

impl Default for BenchOptions {
    fn default() -> Self {
        Self { runs: 300, gradings: 600, clients: 64, workers: 0, numeric_runs: 3, python: None }
    }
}

/// Rounds of a rate; their median counts. Many short ones, so that what else slows the machine for some seconds does not decide.
const ROUNDS: usize = 7;
/// Trivial programs on end before it is the next one's turn.
const TURN: usize = 20;
/// A peer is slower: so many fewer of its runs make a round.
const PEER_SHARE: usize = 8;

/// A measurement that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A server does not start.
    #[error(transparent)]
    Server(#[from] SandboxError),
    /// A server does not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A program that must end well did not.
    #[error("a program that must end well came to {status} on the {engine} engine: {stderr}")]
    Program {
        /// The engine.
        engine: EngineKind,
        /// What came of it.
        status: &'static str,
        /// What it said.
        stderr: String,
    },
    /// A peer failed.
    #[error("{name}: {reason}")]
    Peer {
        /// Which one.
        name: &'static str,
        /// How.
        reason: String,
    },
    /// A task ended early.
    #[error("a measuring task ended early: {0}")]
    Task(#[from] tokio::task::JoinError),
    /// Nothing was timed.
    #[error("nothing was timed")]
    NoTimes,
    /// No engine can be measured.
    #[error("no engine can be measured: {0}")]
    NoEngine(String),
}

/// Measures; `progress` is told what is measured next.
///
/// # Errors
/// No engine is set up, or one that is does not do its work.
pub async fn bench(options: &BenchOptions, progress: impl Fn(&str)) -> Result<BenchReport, BenchError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = if options.workers > 0 { options.workers } else { cores };
    progress("starting the engines");
    let mut missing = Vec::new();
    let mut subjects = subjects(options, workers, &mut missing).await?;
    let interpreter = subjects[0].interpreter();
    let mut peers = peers(&interpreter, &mut missing).await;
    progress("trivial programs");
    let runs = options.runs.max(1);
    for turn in (0..runs).step_by(TURN).map(|begun| TURN.min(runs - begun)) {
        for subject in &mut subjects {
            for _ in 0..turn {
                subject.time_trivial().await?;
            }
        }
        for peer in &mut peers {
            for _ in 0..turn {
                peer.time_trivial().await?;
            }
        }
    }
    progress("programs of 16 MB");
    for _ in 0..options.runs.div_ceil(10).max(1) {
        for subject in &mut subjects {
            subject.time_sixteen_megabytes().await?;
        }
    }
    progress("gradings a second");
    for _ in 0..ROUNDS {
        for subject in &mut subjects {
            subject.time_rate(options.gradings, options.clients).await?;
        }
        for peer in &mut peers {
            peer.time_rate(options.gradings.div_ceil(PEER_SHARE), workers).await?;
        }
    }
    progress("numeric programs");
    let numeric = numeric(&subjects, options.numeric_runs).await?;
    let mut engines = Vec::new();
    for subject in subjects {
        engines.push(subject.finish().await?);
    }
    let peers = peers.into_iter().map(Peer::finish).collect::<Result<Vec<_>, _>>()?;
    let (ratios, clients) = (ratios(&engines, &peers), options.clients);
    Ok(BenchReport {
        cores,
        processor: processor(),
        interpreter,
        workers,
        clients,
        engines,
        peers,
        ratios,
        numeric,
        missing,
    })
}

/// The engines that are set up: one at least.
async fn subjects(
    options: &BenchOptions,
    workers: usize,
    missing: &mut Vec<Missing>,
) -> Result<Vec<Subject>, BenchError> {
    let mut subjects = Vec::new();
    for engine in EngineKind::ALL {
        match Subject::start(engine, workers, options.python.clone()).await {
            Ok(subject) => subjects.push(subject),
            Err(error) => missing.push(Missing { name: engine.to_string(), reason: error.to_string() }),
        }
    }
    if subjects.is_empty() {
        let reasons: Vec<String> = missing.iter().map(|one| format!("{}: {}", one.name, one.reason)).collect();
        return Err(BenchError::NoEngine(reasons.join("; ")));
    }
    Ok(subjects)
}

async fn peers(interpreter: &Path, missing: &mut Vec<Missing>) -> Vec<Peer> {
    let mut peers = Start::ALL.map(|start| Peer::python(interpreter, start)).into_iter().collect::<Vec<_>>();
    for start in Start::ALL {
        match Peer::bubblewrap(interpreter, start).await {
            Ok(peer) => peers.push(peer),
            Err(reason) => {
                missing.push(Missing { name: "bubblewrap".to_owned(), reason });
                break;
            }
        }
    }
    peers
}

async fn numeric(subjects: &[Subject], runs: usize) -> Result<Vec<NumericFigures>, BenchError> {
    let of = |engine: EngineKind| subjects.iter().find(|subject| subject.engine == engine);
    let (Some(process), Some(wasm)) = (of(EngineKind::Process), of(EngineKind::Wasm)) else {
        return Ok(Vec::new());
    };
    let mut figures = Vec::new();
    for (name, code) in NUMERIC.iter().filter(|_| runs > 0) {
        let (mut native, mut compiled) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            native.push(process.run(code).await?.0.seconds);
            compiled.push(wasm.run(code).await?.0.seconds);
        }
        let (process_seconds, wasm_seconds) = (median(native), median(compiled));
        let slowdown = wasm_seconds / process_seconds;
        figures.push(NumericFigures { name: (*name).to_owned(), process_seconds, wasm_seconds, slowdown });
    }
    Ok(figures)
}

fn ratios(engines: &[EngineFigures], peers: &[PeerFigures]) -> Vec<RateRatio> {
    let pairs = engines.iter().flat_map(|engine| peers.iter().map(move |peer| (engine, peer)));
    let ratio = |(engine, peer): (&EngineFigures, &PeerFigures)| RateRatio {
        engine: engine.engine,
        peer: peer.name.clone(),
        rate: engine.gradings_per_second / peer.runs_per_second,
        median: peer.trivial.median_ms / engine.trivial.median_ms,
    };
    pairs.map(ratio).collect()
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("model name"));
    line.map_or("unknown processor".to_owned(), |line| line.trim_start_matches([' ', '\t', ':']).to_owned())
}
