//! `trainer config`: what can be asked of a run's configuration, before any weight is loaded.

mod check;
mod decoder_sizes;
mod kind;
mod measured;
mod outline;
mod sizes;
mod work;

use anyhow::Result;
use clap::Subcommand;

use crate::example::example;

pub(in crate::command) use self::decoder_sizes::sizes;
use crate::interrupt::Interrupt;

/// What can be asked of a configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Validate a run's file, and say what the run will do: its steps, its memory by part and, on so many GPUs, its
    /// layout and the seconds of a step by part. Ends with 2 where the file is invalid or the run does not fit.
    #[command(after_help = example!(in "a folder of `trainer init`": "trainer config check config.toml"))]
    Check(check::ConfigCheckArgs),
}

/// Runs the command.
///
/// # Errors
/// A usage error: the configuration is invalid, or the run does not fit.
pub(crate) async fn run(command: &ConfigCommand, interrupt: &Interrupt) -> Result<()> {
    match command {
        ConfigCommand::Check(args) => check::run(args, interrupt).await,
    }
}
