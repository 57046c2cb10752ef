//! `--nproc N`: the ranks of a command on this host, with what was asked of this process handed on to them.

use std::ffi::OsString;
use std::sync::mpsc;

use anyhow::{Context, Result};
use policy::dist::{Environment, Launch};
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::{Ended, Usage};

/// Option of the command line.
const OPTION: &str = "--nproc";

/// Starts this process's own command `num_ranks` times, and ends as the ranks do.
///
/// # Errors
/// A launcher has started this process already, the ranks cannot be started, or one of them failed.
pub(crate) async fn launch(num_ranks: usize) -> Result<()> {
    if Environment::of_process().map_err(|error| Usage::error(error.to_string()))?.is_some() {
        return Err(Usage::error(format!(
            "{OPTION}: a launcher has started this process as a rank (RANK, WORLD_SIZE); leave the option out"
        )));
    }
    let (send, signals) = mpsc::channel();
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::user_defined1()] {
        let (mut arrived, send) = (signal(kind)?, send.clone());
        tokio::spawn(async move {
            while arrived.recv().await.is_some() {
                let _ = send.send(kind.as_raw_value()); // the ranks may have ended
            }
        });
    }
    let program = std::env::current_exe().context("this program's own file")?;
    let ranks = Launch::new(program, num_ranks).args(without_option(std::env::args_os().skip(1))).relay(signals);
    let outcome = tokio::task::block_in_place(|| ranks.run())?;
    match outcome.first_failed {
        None => Ok(()),
        Some(rank) => {
            let code = outcome.exit_code;
            let reason = match code {
                75 | 130 => format!("rank {rank} stopped first, as it was asked to"),
                129.. => format!("rank {rank} ended first, by signal {}", code - 128),
                _ => format!("rank {rank} ended first, with exit code {code}"),
            };
            Err(Ended::error(u8::try_from(code).unwrap_or(1), reason))
        }
    }
}

/// A command line without the option and its value.
fn without_option(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments = arguments.into_iter();
    let mut kept = Vec::new();
    while let Some(argument) = arguments.next() {
        if argument == OPTION {
            arguments.next();
        } else if !argument.to_string_lossy().starts_with("--nproc=") {
            kept.push(argument);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_goes_and_all_else_stays() {
        let rest = |text: &str| without_option(text.split(' ').map(OsString::from)).join(&OsString::from(" "));
        assert_eq!(rest("--stage 1 --nproc 2 --config a.toml"), "--stage 1 --config a.toml");
        assert_eq!(rest("--nproc=2 cold-start --config --nproc-is-no-file"), "cold-start --config --nproc-is-no-file");
    }
}
