//! `trainer bench sandbox`: the code execution engines beside other ways to run a program, and under load.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use progress::{Progress, Unit};
use sandbox_api::EngineKind;
use sandbox_bench::{BenchOptions, SoakOptions};

use super::show::show;

/// What `trainer bench sandbox` takes.
#[derive(Debug, Args)]
pub(crate) struct SandboxArgs {
    /// Writes the figures as JSON too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Runs of the trivial program, each.
    #[arg(long, value_name = "N", default_value_t = BenchOptions::default().runs)]
    runs: usize,
    /// Worker processes; 0 takes one for each core.
    #[arg(long, value_name = "N", default_value_t = 0)]
    workers: usize,
    /// The Python of the process engine and of the peers [default: python3].
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// Callers at once where a rate is measured, and in a soak.
    #[arg(long, value_name = "N", default_value_t = BenchOptions::default().clients)]
    clients: usize,
    /// Instead of timing, sends so many mixed programs while workers are killed, and looks for wrong verdicts and
    /// leaks.
    #[arg(long, value_name = "PROGRAMS")]
    soak: Option<usize>,
    /// Seconds between two killed workers in a soak, on average; 0 kills none.
    #[arg(long, value_name = "SECONDS", default_value_t = SoakOptions::default().kill_seconds)]
    kill_seconds: f64,
    /// An engine that a soak's programs are sent to; may be given twice [default: process].
    #[arg(long, value_name = "ENGINE")]
    engine: Vec<EngineKind>,
}

/// Runs the command.
///
/// # Errors
/// Nothing can be measured, a file cannot be written, or a soak was not clean.
pub(super) async fn run(args: SandboxArgs) -> Result<()> {
    match args.soak {
        Some(programs) => soak(args, programs).await,
        None => time(args).await,
    }
}

async fn time(args: SandboxArgs) -> Result<()> {
    let SandboxArgs { runs, clients, workers, python, .. } = args;
    let options = BenchOptions { runs, clients, workers, python, ..BenchOptions::default() };
    let progress = Progress::aside("bench", Unit::Parts, None);
    let report = sandbox_bench::bench(&options, |what| progress.note(what)).await?;
    drop(progress);
    show(&report, args.json.as_deref())
}

async fn soak(args: SandboxArgs, programs: usize) -> Result<()> {
    let default = SoakOptions::default();
    let options = SoakOptions {
        programs,
        clients: args.clients,
        workers: args.workers,
        kill_seconds: args.kill_seconds,
        engines: if args.engine.is_empty() { default.engines.clone() } else { args.engine },
        ..default
    };
    let progress = Progress::start("soak", Unit::Parts, Some(programs as u64));
    let report = sandbox_bench::soak(options, |done| progress.reach(done as u64, "")).await?;
    progress.finish("");
    show(&report, args.json.as_deref())?;
    if !report.is_clean() {
        bail!("the soak was not clean");
    }
    Ok(())
}
