//! `trainer checkpoint`: what can be asked of checkpoints.

mod export;
mod verify;

use anyhow::Result;
use clap::Subcommand;

pub(in crate::command) use self::export::WholeCheckpoint;
use crate::example::example;

/// What can be asked of checkpoints.
#[derive(Debug, Subcommand)]
pub(crate) enum CheckpointCommand {
    /// Hold every file of a checkpoint, or of all of a run's, against the sizes and checksums of its manifest.
    #[command(after_help = example!(in "a folder of `trainer init`": "trainer checkpoint verify runs/first"))]
    Verify(verify::VerifyCheckpointArgs),
    /// Verify a checkpoint, and write its model as one Hugging Face folder, also where ranks wrote it in pieces.
    #[command(after_help = example!(
        in "a folder of `trainer init`":
        "trainer checkpoint export runs/first/checkpoints/last exported",
    ))]
    Export(export::ExportArgs),
}

/// Runs the command.
///
/// # Errors
/// A folder cannot be read or written, or a checkpoint is not whole.
pub(crate) fn run(command: &CheckpointCommand) -> Result<()> {
    match command {
        CheckpointCommand::Verify(args) => verify::run(args),
        CheckpointCommand::Export(args) => export::run(args),
    }
}
