//! `trainer sandbox`: the code execution server by itself, and its work from the command line.

mod embedded;
mod grade;
mod limits;
mod run;
mod serve;

use anyhow::Result;
use clap::Subcommand;

use crate::example::example;
use crate::interrupt::Interrupt;
use crate::stdout::print;

/// What `trainer sandbox` does.
#[derive(Debug, Subcommand)]
pub(crate) enum SandboxCommand {
    /// Serve gradings over HTTP until Ctrl-C.
    #[command(after_help = example!("trainer sandbox serve --listen 127.0.0.1:8080 --workers 2"))]
    Serve(serve::ServeArgs),
    /// Run one program under limits.
    #[command(after_help = example!("echo 'print(1 + 1)' > sum.py", "trainer sandbox run sum.py"))]
    Run(run::RunProgramArgs),
    /// Grade a file of solutions against a file of tasks.
    #[command(after_help = example!(
        "echo '{\"id\": 1, \"kind\": \"stdio\", \"tests\": [{\"input\": \"\", \"output\": \"2\"}]}' > graded.jsonl",
        "echo '{\"id\": \"first\", \"task_id\": 1, \"code\": \"print(1 + 1)\"}' > solutions.jsonl",
        "trainer sandbox grade graded.jsonl solutions.jsonl",
    ))]
    Grade(grade::GradeArgs),
    /// Say which layers of isolation are in force on this machine, and what programs can import.
    #[command(after_help = example!("trainer sandbox doctor"))]
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
        SandboxCommand::Doctor => print(format_args!("{}\n", tokio::task::spawn_blocking(sandbox::doctor).await?)),
    }
}
