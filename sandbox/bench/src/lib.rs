//! Measures the code execution server: [`bench()`] its speed, [`soak()`] that it holds under load and while workers are
//! killed.
//!
//! ```
//! use sandbox_bench::{SoakOptions, soak};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = SoakOptions { programs: 20, clients: 2, workers: 1, kill_seconds: 0.0, ..SoakOptions::default() };
//! let report = soak(options, |_| {}).await?;
//! assert_eq!((report.answered, report.num_wrong), (20, 0));
//! # Ok(())
//! # }
//! ```
//!
//! [`bench()`] times the engines through their server, beside other ways to run a Python program on this machine. In
//! one run all take turns, each for some programs on end: so a busy machine slows them alike, and none finds the caches
//! as another left them. The ratios are what counts.

mod error;
mod peers;
mod programs;
mod report;
mod soak;
mod subject;
mod times;

use std::path::{Path, PathBuf};

use sandbox_api::EngineKind;

pub use self::error::BenchError;
use self::peers::{Peer, Start};
use self::programs::NUMERIC;
pub use self::report::{BenchReport, EngineFigures, Missing, NumericFigures, PeerFigures, RateRatio};
pub use self::soak::{SoakError, SoakOptions, SoakReport, soak};
use self::subject::Subject;
pub use self::times::Times;
use self::times::median;

/// The amount of work to measure.
#[derive(Debug, Clone)]
pub struct BenchOptions {
    /// Runs of the trivial program, for each engine and peer.
    pub runs: usize,
    /// Gradings in each round of an engine's rate.
    pub gradings: usize,
    /// Callers at once while a rate is measured.
    pub clients: usize,
    /// Worker processes of each server; 0 for one on each core.
    pub workers: usize,
    /// Runs of each numeric program; 0 for none.
    pub numeric_runs: usize,
    /// The Python of the process engine and of the peers; `python3` from the path if unset.
    pub python: Option<PathBuf>,
}

impl Default for BenchOptions {
    fn default() -> Self {
        Self { runs: 300, gradings: 600, clients: 64, workers: 0, numeric_runs: 3, python: None }
    }
}

/// Rounds of a rate, of which the median counts: many short ones, so that another load of some seconds does not decide.
const ROUNDS: usize = 7;
/// Trivial programs on end before the next engine or peer has its turn.
const TURN: usize = 20;
/// The divisor of a peer's runs in a round: peers are slower than engines.
const PEER_SHARE: usize = 8;

/// Measures engines and peers. `progress` is called with the name of each part before it begins.
///
/// # Errors
/// No engine is set up, or one that is set up fails.
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

/// The engines that are set up, one at least; the others go to `missing`.
async fn subjects(
    options: &BenchOptions,
    workers: usize,
    missing: &mut Vec<Missing>,
) -> Result<Vec<Subject>, BenchError> {
    let mut subjects = Vec::new();
    for engine in EngineKind::ALL.iter().copied() {
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
