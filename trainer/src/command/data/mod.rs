//! `trainer data`: what a file of data is, before it is trained on or measured with.

mod check;
mod lengths;
mod show;
mod source_args;

use anyhow::Result;
use clap::Subcommand;

use crate::example::example;
use crate::interrupt::Interrupt;

/// What is done with data.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Show the first records as they will be asked and judged, with the layout and its mapping.
    #[command(after_help = example!(in "a folder of `trainer init`": "trainer data show tasks.jsonl --records 1"))]
    Show(show::ShowArgs),
    /// Check data: rows, kinds, verifiers, lengths, keys that cannot be read, duplicates, overlap with suites, and what
    /// a policy gets for nothing.
    #[command(after_help = example!(
        in "a folder of `trainer init`":
        "trainer data check tasks.jsonl --config config.toml",
    ))]
    Check(check::DataCheckArgs),
}

/// Runs the command.
///
/// # Errors
/// The data cannot be read, or the user interrupts.
pub(crate) async fn run(command: DataCommand, interrupt: Interrupt) -> Result<()> {
    match command {
        DataCommand::Show(args) => show::run(args, &interrupt).await,
        DataCommand::Check(args) => check::run(args, &interrupt).await,
    }
}
