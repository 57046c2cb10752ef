//! What was measured, as JSON and as a table.

use std::fmt;
use std::path::PathBuf;

use sandbox_api::EngineKind;
use serde::Serialize;

use super::times::Times;

/// Everything that was measured in one run.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// Cores of the machine.
    pub cores: usize,
    /// Its processor, as the kernel names it.
    pub processor: String,
    /// The Python of the process engine and of the peers.
    pub interpreter: PathBuf,
    /// Worker processes of each server.
    pub workers: usize,
    /// Callers at once where a rate is measured.
    pub clients: usize,
    /// The engines.
    pub engines: Vec<EngineFigures>,
    /// The peers.
    pub peers: Vec<PeerFigures>,
    /// Rates of the engines relative to the peers', and times of numeric programs.
    pub ratios: Vec<RateRatio>,
    /// Numeric programs; empty where only one engine is set up.
    pub numeric: Vec<NumericFigures>,
    /// What could not be measured, and why.
    pub missing: Vec<Missing>,
}

/// An engine's figures.
#[derive(Debug, Clone, Serialize)]
pub struct EngineFigures {
    /// Which engine.
    pub engine: EngineKind,
    /// A trivial program over HTTP, one after the other.
    pub trivial: Times,
    /// Gradings a second with one test case each.
    pub gradings_per_second: f64,
    /// Bytes of the workers, and of what stands by for them, in memory while nothing runs.
    pub standing_bytes: Option<u64>,
    /// A program that holds 16 MB.
    pub sixteen_megabytes: Times,
    /// The largest resident size of that program's processes, in bytes.
    pub sixteen_megabytes_peak_bytes: u64,
}

/// A peer's figures.
#[derive(Debug, Clone, Serialize)]
pub struct PeerFigures {
    /// Which peer.
    pub name: String,
    /// A trivial program, one after the other.
    pub trivial: Times,
    /// Runs a second.
    pub runs_per_second: f64,
}

/// How many times an engine's rate is a peer's.
#[derive(Debug, Clone, Serialize)]
pub struct RateRatio {
    /// The engine.
    pub engine: EngineKind,
    /// The peer.
    pub peer: String,
    /// The engine's gradings a second divided by the peer's runs a second.
    pub rate: f64,
    /// The peer's median time divided by the engine's.
    pub median: f64,
}

/// A numeric program on both engines.
#[derive(Debug, Clone, Serialize)]
pub struct NumericFigures {
    /// Which program.
    pub name: String,
    /// Seconds on the process engine: the host's interpreter, native.
    pub process_seconds: f64,
    /// Seconds on the wasm engine.
    pub wasm_seconds: f64,
    /// The second divided by the first.
    pub slowdown: f64,
}

/// What could not be measured.
#[derive(Debug, Clone, Serialize)]
pub struct Missing {
    /// What.
    pub name: String,
    /// Why.
    pub reason: String,
}

impl fmt::Display for BenchReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cores, processor, interpreter, workers, clients, .. } = self;
        writeln!(
            formatter,
            "{cores} cores, {processor}; {workers} workers, {clients} clients; {}\n",
            interpreter.display()
        )?;
        writeln!(formatter, "{:<26} {:>10} {:>10} {:>12}", "print(1)", "median ms", "p99 ms", "per second")?;
        let mut row = |name: &str, times: &Times, rate: f64| {
            writeln!(formatter, "{name:<26} {:>10.2} {:>10.2} {rate:>12.0}", times.median_ms, times.p99_ms)
        };
        for figures in &self.engines {
            row(figures.engine.as_str(), &figures.trivial, figures.gradings_per_second)?;
        }
        for figures in &self.peers {
            row(&figures.name, &figures.trivial, figures.runs_per_second)?;
        }
        writeln!(formatter, "\n{:<10} {:<26} {:>8} {:>8}", "engine", "beside", "rate", "median")?;
        for RateRatio { engine, peer, rate, median } in &self.ratios {
            writeln!(formatter, "{:<10} {peer:<26} {rate:>7.1}x {median:>7.1}x", engine.as_str())?;
        }
        writeln!(formatter, "\n{:<10} {:>14} {:>14} {:>14}", "engine", "standing MiB", "16 MB: ms", "16 MB: MiB")?;
        for figures in &self.engines {
            let standing = figures.standing_bytes.map_or("unknown".to_owned(), |bytes| format!("{}", bytes >> 20));
            let (name, time) = (figures.engine.as_str(), figures.sixteen_megabytes.median_ms);
            let peak = figures.sixteen_megabytes_peak_bytes >> 20;
            writeln!(formatter, "{name:<10} {standing:>14} {time:>14.2} {peak:>14}")?;
        }
        if !self.numeric.is_empty() {
            writeln!(formatter, "\n{:<24} {:>10} {:>10} {:>10}", "numeric", "process s", "wasm s", "slow-down")?;
        }
        for NumericFigures { name, process_seconds, wasm_seconds, slowdown } in &self.numeric {
            writeln!(formatter, "{name:<24} {process_seconds:>10.3} {wasm_seconds:>10.3} {slowdown:>9.1}x")?;
        }
        for Missing { name, reason } in &self.missing {
            writeln!(formatter, "\nnot measured: {name}: {reason}")?;
        }
        Ok(())
    }
}
