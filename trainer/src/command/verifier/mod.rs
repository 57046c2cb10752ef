//! `trainer verifier`: a verifier by itself, before a run depends on it.

mod check;
mod spec;

use anyhow::Result;
use clap::Subcommand;

use self::check::CheckArgs;
use crate::example::example;
use crate::interrupt::Interrupt;

/// What is done with a verifier.
#[derive(Debug, Subcommand)]
pub(crate) enum VerifierCommand {
    /// Judge cases by one verifier, and say how often it agrees with them, how fast it is, and where it is slow.
    #[command(after_help = example!(
        in "a folder of `trainer init`":
        "trainer verifier check number --config config.toml --input cases.jsonl",
    ))]
    Check(CheckArgs),
}

/// Runs the command.
///
/// # Errors
/// The input is bad, the verifier cannot work, or the user interrupts.
pub(crate) async fn run(command: VerifierCommand, interrupt: Interrupt) -> Result<()> {
    match command {
        VerifierCommand::Check(args) => check::run(args, interrupt).await,
    }
}
