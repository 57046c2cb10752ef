//! `trainer completions`: what a shell needs to complete this command line, of which nothing is known here.

use anyhow::Result;
use clap::Args;
use clap_complete::{Shell, generate};

use crate::stdout::print;

/// What `trainer completions` takes.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

/// Prints the script that completes `command`.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn run(args: &CompletionsArgs, mut command: clap::Command) -> Result<()> {
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    generate(args.shell, &mut command, name, &mut script);
    print(String::from_utf8_lossy(&script))
}
