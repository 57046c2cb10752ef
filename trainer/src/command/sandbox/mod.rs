//! `trainer sandbox`: the code execution server by itself, and its work from the command line.

mod embedded;
mod grade;
mod limits;
mod run;
mod serve;

use anyhow::Result;
use clap::Subcommand;

use crate::interrupt::Interrupt;

/// What `trainer sandbox` does.
#[derive(Debug, Subcommand)]
pub(crate) enum SandboxCommand {
    /// Serve gradings over HTTP until Ctrl-C.
    Serve(serve::ServeArgs),
    /// Run one program under limits.
    Run(run::RunProgramArgs),
    /// Grade a file of solutions against a file of tasks.
    Grade(grade::GradeArgs),
    /// Say which layers of isolation are in force on this machine, and what programs can import.
    Doctor,
}

/// Runs the command.
///
/// # Errors
/// The subcommand fails.
pub(crate) async fn run(command: SandboxCommand, interrupt: &Interrupt) -> Result<()> {
    match command {
        SandboxCommand::Serve(args) => serve::run(args, interrupt).await,
        SandboxCommand::Run(args) => run::run(args).await,
        SandboxCommand::Grade(args) => grade::run(args, interrupt).await,
        SandboxCommand::Doctor => {
            println!("{}", tokio::task::spawn_blocking(sandbox::doctor).await?);
            Ok(())
        }
    }
}
