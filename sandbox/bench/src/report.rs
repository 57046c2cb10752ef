//! The measurements, as JSON and as tables.

use std::fmt;
use std::path::PathBuf;

use sandbox_api::EngineKind;
use serde::Serialize;

use super::times::Times;

/// All measurements of one run.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// Cores of the machine.
    pub cores: usize,
    /// The machine's processor, as the kernel names it.
    pub processor: String,
    /// The Python of the process engine and of the peers.
    pub interpreter: PathBuf,
    /// Worker processes of each server.
    pub workers: usize,
    /// Callers at once while a rate is measured.
    pub clients: usize,
    /// Figures of the engines.
    pub engines: Vec<EngineFigures>,
    /// Figures of the peers.
    pub peers: Vec<PeerFigures>,
    /// Each engine's rate and median time relative to each peer's.
    pub ratios: Vec<RateRatio>,
    /// Numeric programs on both engines; empty if only one engine is set up.
    pub numeric: Vec<NumericFigures>,
    /// Engines and peers that could not be measured.
    pub missing: Vec<Missing>,
}

/// An engine's figures.
#[derive(Debug, Clone, Serialize)]
pub struct EngineFigures {
    /// The engine.
    pub engine: EngineKind,
    /// Times of a trivial program over HTTP, one call after the other.
    pub trivial: Times,
    /// Gradings a second, with one test case each.
    pub gradings_per_second: f64,
    /// Bytes in memory of the workers, and of the processes that stand by for them, while nothing runs.
    pub standing_bytes: Option<u64>,
    /// Times of a program that holds 16 MB.
    pub sixteen_megabytes: Times,
    /// The largest resident size of that program's processes, in bytes.
    pub sixteen_megabytes_peak_bytes: u64,
}

/// A peer's figures.
#[derive(Debug, Clone, Serialize)]
pub struct PeerFigures {
    /// The peer's name.
    pub name: String,
    /// Times of a trivial program, one run after the other.
    pub trivial: Times,
    /// Runs a second.
    pub runs_per_second: f64,
}

/// An engine's speed relative to a peer's.
#[derive(Debug, Clone, Serialize)]
pub struct RateRatio {
    /// The engine.
    pub engine: EngineKind,
    /// The peer's name.
    pub peer: String,
    /// The engine's gradings a second divided by the peer's runs a second.
    pub rate: f64,
    /// The peer's median time divided by the engine's.
    pub median: f64,
}

/// A numeric program on both engines.
#[derive(Debug, Clone, Serialize)]
pub struct NumericFigures {
    /// The program's name.
    pub name: String,
    /// Seconds on the process engine, which runs the host's native interpreter.
    pub process_seconds: f64,
    /// Seconds on the wasm engine.
    pub wasm_seconds: f64,
    /// The seconds on the wasm engine divided by those on the process engine.
    pub slowdown: f64,
}

/// An engine or a peer that could not be measured.
#[derive(Debug, Clone, Serialize)]
pub struct Missing {
    /// The engine's or the peer's name.
    pub name: String,
    /// The error.
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
