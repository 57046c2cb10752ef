//! `launchers`: a micro run on four ranks, started in each way that launchers start ranks, on one host and on two.
//!
//! Each must leave what `trainer --nproc` leaves, byte for byte, and that run the metrics of one rank within rounding.
//! The two hosts are network namespaces of this machine; torchrun is asked for by its path. What cannot be had here is
//! named as skipped. Must know of the trainer no more than its command line and the places of its files.

mod agreement;
mod bench;
mod hosts;
mod processes;
mod way;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use self::bench::Bench;
use self::hosts::Hosts;
use self::way::Way;
use crate::kills::build;
use crate::options::Options;

/// Folder of the runs.
const DIR: &str = "runs/launchers";
/// Width of the column of the ways.
const WIDTH: usize = 50;

/// Arguments of `cargo xtask launchers`.
#[derive(Debug, PartialEq)]
pub(crate) struct Launchers {
    /// A trainer that is built already.
    trainer: Option<PathBuf>,
    /// The program torchrun of a PyTorch that can be imported.
    torchrun: Option<PathBuf>,
}

impl Launchers {
    /// Reads the arguments. `Err` says what is wrong with them.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut launchers = Self { trainer: None, torchrun: None };
        let mut options = Options::new(arguments);
        while let Some((argument, name)) = options.next() {
            match name {
                "--trainer" => launchers.trainer = Some(options.value()?.into()),
                "--torchrun" => launchers.torchrun = Some(options.value()?.into()),
                _ => return Err(format!("launchers takes no {argument}")),
            }
        }
        Ok(launchers)
    }

    /// Builds, runs and compares; the exit code says whether all runs were equal.
    ///
    /// # Errors
    /// The build or a run that others are compared with fails, or a file cannot be written.
    pub(crate) fn run(self, root: &Path) -> Result<ExitCode> {
        let trainer = match &self.trainer {
            Some(path) => root.join(path),
            None => build(root)?,
        };
        let hosts = Hosts::enter(root)?;
        let hosts = hosts.as_ref().map_err(|why| format!("this machine makes no network namespaces ({why})"));
        let torchrun = self.torchrun.as_deref().ok_or_else(|| "name it with --torchrun PROGRAM".to_owned());
        let dir = root.join(DIR);
        if dir.exists() {
            std::fs::remove_dir_all(&dir).with_context(|| dir.display().to_string())?;
        }
        let bench = Bench { root, trainer, dir };
        bench.prepare()?;
        println!("{:<WIDTH$} metrics as on one rank", "trainer --nproc");
        let (mut are_equal, mut num_tried) = (true, 0);
        for way in Way::ALL {
            let launched = match way {
                Way::Variables => hosts.clone().map(|hosts| bench.by_variables(hosts)),
                Way::AgentStore => hosts.clone().map(|hosts| bench.with_agent(hosts)),
                Way::Slurm => hosts.clone().map(|hosts| bench.by_slurm(hosts)),
                Way::TorchrunKilled => torchrun.clone().map(|torchrun| bench.torchrun_killed(torchrun)),
                Way::TorchrunTwoHosts => {
                    let both = hosts.clone().and_then(|hosts| Ok((hosts, torchrun.clone()?)));
                    both.map(|(hosts, torchrun)| bench.torchrun_on_hosts(hosts, torchrun))
                }
            };
            num_tried += usize::from(launched.is_ok());
            let verdict = match launched.map(|launched| launched.and_then(|()| bench.differences(way))) {
                Err(why) => format!("skipped: {why}"),
                Ok(Ok(differences)) if differences.is_empty() => "equal".to_owned(),
                Ok(outcome) => {
                    are_equal = false;
                    outcome.map_or_else(
                        |error| format!("FAILED: {error:#}"),
                        |differences| format!("DIFFERENT\n     {}", differences.join("\n     ")),
                    )
                }
            };
            println!("{:<WIDTH$} {verdict}", way.name());
        }
        println!("\n{num_tried} of {} ways tried", Way::ALL.len());
        if !are_equal {
            println!("the runs are kept in {}", bench.dir.display());
            return Ok(ExitCode::FAILURE);
        }
        std::fs::remove_dir_all(&bench.dir).with_context(|| bench.dir.display().to_string())?;
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_two_programs() {
        let parse = |text: &str| Launchers::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(parse("").unwrap(), Launchers { trainer: None, torchrun: None });
        let both = Launchers { trainer: Some("t".into()), torchrun: Some("r".into()) };
        assert_eq!(parse("--torchrun r --trainer=t").unwrap(), both);
        assert_eq!(parse("--ranks 2").unwrap_err(), "launchers takes no --ranks");
    }
}
