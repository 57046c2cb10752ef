//! `trainer bench gpu`: whether the GPU here computes, exchanges and holds what it should.
//!
//! What one GPU can try. Several of them, and NCCL between hosts, it cannot.

mod exchange;
mod learning;
mod planned;

use std::fmt;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use policy::dist::cuda::{Cuda, Gpu, Versions};
use serde::Serialize;

use self::planned::PlannedPart;
use super::show::show;
use crate::failure::Usage;
use crate::interrupt::Interrupt;

/// What `trainer bench gpu` takes.
#[derive(Debug, Args)]
pub(crate) struct GpuArgs {
    /// Number of the GPU, from 0.
    #[arg(long, value_name = "N", default_value_t = 0)]
    device: usize,
    /// Writes the figures as JSON too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What a check came to.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    passed: bool,
    said: String,
}

/// Everything that is printed.
#[derive(Debug, Serialize)]
struct GpuReport {
    gpu: String,
    versions: String,
    checks: Vec<Check>,
    memory: Vec<PlannedPart>,
}

/// Runs the command.
///
/// # Errors
/// A usage error where there is no GPU; a check failed, a file cannot be written, or the user interrupts.
pub(super) fn run(args: &GpuArgs, interrupt: &Interrupt) -> Result<()> {
    let found = Cuda::load().and_then(|cuda| Ok((cuda, Gpu::new(args.device)?)));
    let (cuda, gpu) = found.map_err(|error| Usage::error(format!("no GPU here: {error}")))?;
    gpu.enter()?;
    let Versions { runtime, driver, nccl } = cuda.versions()?;
    let mut report = GpuReport {
        gpu: gpu.describe()?.to_string(),
        versions: format!(
            "CUDA {}.{}, driver for {}.{}, NCCL {}.{}.{}",
            runtime.0, runtime.1, driver.0, driver.1, nccl.0, nccl.1, nccl.2
        ),
        checks: Vec::new(),
        memory: Vec::new(),
    };
    let job = exchange::job()?;
    let checks: [(&'static str, &dyn Fn() -> Result<String>); 5] = [
        ("copies in a stream of their own", &|| exchange::copies(&gpu)),
        ("operations over NCCL, one rank", &|| exchange::operations(&job, &gpu)),
        ("updates as on the CPU", &|| learning::as_on_the_cpu(&gpu)),
        ("updates of weights that NCCL gathers, one rank", &|| learning::gathered(&job, &gpu)),
        ("optimizer state on the host", &|| learning::state_on_the_host(&gpu)),
    ];
    for (name, check) in checks {
        interrupt.check()?;
        report.note(name, check());
    }
    interrupt.check()?;
    match planned::parts(&gpu) {
        Ok(parts) => {
            report.note("memory by part as planned", planned::verdict(&parts));
            report.memory = parts;
        }
        Err(error) => report.note("memory by part as planned", Err(error)),
    }
    // Last: what was given up is of no use any more.
    report.note("an operation that is late is given up", exchange::deadline(&job, &gpu, cuda));
    show(&report, args.json.as_deref())?;
    match report.checks.iter().filter(|check| !check.passed).count() {
        0 => Ok(()),
        failed => bail!("{failed} of {} checks failed on this GPU", report.checks.len()),
    }
}

impl GpuReport {
    fn note(&mut self, name: &'static str, outcome: Result<String>) {
        let passed = outcome.is_ok();
        let said = outcome.unwrap_or_else(|error| format!("{error:#}"));
        self.checks.push(Check { name, passed, said });
    }
}

impl fmt::Display for GpuReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}", self.gpu, self.versions)?;
        for Check { name, passed, said } in &self.checks {
            let word = if *passed { "ok" } else { "FAILED" };
            writeln!(f, "{word:<8}{name}: {said}")?;
        }
        if !self.memory.is_empty() {
            writeln!(f, "{:<24}{:>10}{:>10}", "MiB of one GPU", "planned", "measured")?;
        }
        for part in &self.memory {
            writeln!(f, "{part}")?;
        }
        write!(f, "not tried: several GPUs, and NCCL between hosts")
    }
}
