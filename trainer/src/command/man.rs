//! `trainer man`: manual pages of this command line, of which nothing is known here.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

/// What `trainer man` takes.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder for the pages, which is made where it is missing; pages that stand there are replaced.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Writes a page for `command` and each of its subcommands.
///
/// # Errors
/// The folder cannot be written.
pub(crate) fn run(args: &ManArgs, command: clap::Command) -> Result<()> {
    let place = || args.dir.display().to_string();
    std::fs::create_dir_all(&args.dir).with_context(place)?;
    clap_mangen::generate_to(command, &args.dir).with_context(place)
}
