//! `trainer data`: what a file of data is, before it is trained on or measured with.

mod check;
mod lengths;
mod show;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use datasets::DataSource;

use crate::interrupt::Interrupt;

/// What is done with data.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Show the first records as they will be asked and judged, with the layout and its mapping.
    Show(show::ShowArgs),
    /// Check data: rows, kinds, verifiers, lengths, keys that cannot be read, duplicates, overlap with suites, and what
    /// a policy gets for nothing.
    Check(check::CheckArgs),
}

/// Files of data, and how they are read.
#[derive(Debug, Args)]
struct SourceArgs {
    /// Files or folders, which are one source.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Layout of the rows: the name of one that is shipped, or a TOML file; told by the columns where absent.
    #[arg(long, value_name = "NAME")]
    layout: Option<String>,
    /// Overrides one key of the layout (may be given several times).
    #[arg(long, value_name = "KEY=VALUE")]
    set_layout: Vec<String>,
    /// Split of a folder.
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
    /// Condition that a row must meet.
    #[arg(long, value_name = "CONDITION")]
    filter: Option<String>,
}

impl SourceArgs {
    fn source(&self) -> DataSource {
        DataSource {
            layout: self.layout.clone(),
            set: self.set_layout.clone(),
            split: self.split.clone(),
            filter: self.filter.clone(),
            ..DataSource::new(&self.files)
        }
    }
}

/// Runs the command.
///
/// # Errors
/// The data cannot be read, or the user interrupts.
pub(crate) async fn run(command: DataCommand, interrupt: Interrupt) -> Result<()> {
    match command {
        DataCommand::Show(args) => tokio::task::block_in_place(|| show::run(&args)),
        DataCommand::Check(args) => check::run(&args, &interrupt).await,
    }
}
