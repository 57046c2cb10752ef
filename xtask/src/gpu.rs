//! `gpu`: what can be tried where an NVIDIA GPU is at hand: the shim against CUDA's headers, NCCL with one rank,
//! updates and memory held against the CPU's and the plan's, and runs of a micro model on the GPU.
//!
//! Must know of the trainer no more than its command line.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::kills::{build, micro};
use crate::options::Options;
use crate::{handover, prerequisites};

/// Folder of the runs.
const DIR: &str = "runs/gpu";
/// Exit code where there is no GPU.
const NO_GPU: u8 = 2;
/// The runs on the GPU: name, the trainer's arguments, configuration.
const RUNS: [(&str, &[&str], &str); 3] = [
    ("cold-start", &["cold-start"], "cold-start.toml"),
    ("stage-1", &["--stage", "1"], "stage-1.toml"),
    ("stage-1-state-on-host", &["--stage", "1", "--set", "optimizer.state=host"], "stage-1.toml"),
];

/// Arguments of `cargo xtask gpu`.
#[derive(Debug, PartialEq)]
pub(crate) struct TryGpu {
    /// A trainer that is built already.
    trainer: Option<PathBuf>,
    /// Where the figures go as JSON too.
    json: Option<PathBuf>,
}

impl TryGpu {
    /// Reads the arguments. `Err` says what is wrong with them.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut gpu = Self { trainer: None, json: None };
        let mut options = Options::new(arguments);
        while let Some((argument, name)) = options.next() {
            match name {
                "--trainer" => gpu.trainer = Some(options.value()?.into()),
                "--json" => gpu.json = Some(options.value()?.into()),
                _ => return Err(format!("gpu takes no {argument}")),
            }
        }
        Ok(gpu)
    }

    /// Builds and tries; the exit code is that of the first program that failed, or says that there is no GPU.
    ///
    /// # Errors
    /// The build fails, or a file cannot be written.
    pub(crate) fn run(self, root: &Path) -> Result<ExitCode> {
        if !prerequisites::has_nvidia_gpu() {
            eprintln!("no GPU here: no NVIDIA driver is loaded, and nothing was tried");
            return Ok(ExitCode::from(NO_GPU));
        }
        let trainer = match &self.trainer {
            Some(path) => root.join(path),
            None => build(root)?,
        };
        let mut bench = handover::program(&trainer, root);
        bench.args(["bench", "gpu"]);
        if let Some(json) = &self.json {
            bench.arg("--json").arg(json);
        }
        let dir = root.join(DIR);
        if dir.exists() {
            fs::remove_dir_all(&dir).with_context(|| dir.display().to_string())?;
        }
        let mut programs = vec![("trainer bench gpu".to_owned(), bench)];
        for dtype in micro::DTYPES {
            let base = dir.join(dtype);
            micro::write(&base, dtype)?;
            // On the CPU: it makes the data, and a model to start from.
            let mut recipe = handover::program(&trainer, root);
            recipe.args(["recipe", "--config"]).arg(base.join("recipe.toml"));
            programs.push((format!("the recipe in {dtype}, on the CPU"), recipe));
            for (name, mode, config) in RUNS {
                let mut run = handover::program(&trainer, root);
                run.args(mode).arg("--config").arg(base.join(config)).arg("--run-dir").arg(base.join(name));
                run.args(["--set", "run.device=cuda"]);
                programs.push((format!("{name} in {dtype}, on the GPU"), run));
            }
        }
        for (name, mut program) in programs {
            eprintln!("\n{name}");
            let status = handover::wait_for(&mut program)?;
            if !status.success() {
                eprintln!("{name} failed; what it left is in {}", dir.display());
                return Ok(handover::exit_code(status));
            }
        }
        println!("all was tried that one GPU can try; the runs are in {}", dir.display());
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_two_files() {
        let parse = |text: &str| TryGpu::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(parse("").unwrap(), TryGpu { trainer: None, json: None });
        let both = TryGpu { trainer: Some("t".into()), json: Some("j".into()) };
        assert_eq!(parse("--json j --trainer=t").unwrap(), both);
        assert_eq!(parse("--nproc 2").unwrap_err(), "gpu takes no --nproc");
    }
}
