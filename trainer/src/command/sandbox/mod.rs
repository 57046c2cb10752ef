//! `trainer sandbox`: the code execution server by itself, and its work from the command line.

mod embedded;
mod grade;
mod limits;
mod run;

use crate::interrupt::Interrupt;
use anyhow::{Context, Result};
use clap::Subcommand;
use std::net::SocketAddr;
use std::time::Duration;

/// What `trainer sandbox` does.
#[derive(Debug, Subcommand)]
pub enum SandboxCommand {
    /// Serve gradings over HTTP until Ctrl-C.
    Serve {
        /// Where to listen. Programs are untrusted: leave it on loopback, or put it behind a wall of your own.
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// Programs that run at once; 0 takes one for each core.
        #[arg(long, default_value_t = 0)]
        workers: usize,
    },
    /// Run one program under limits.
    Run(run::RunArgs),
    /// Grade a file of solutions against a file of tasks.
    Grade(grade::GradeArgs),
    /// Say which layers of isolation are in force on this machine.
    Doctor,
}

/// How often the server looks whether it should end.
const POLL: Duration = Duration::from_millis(100);

/// Runs the command.
///
/// # Errors
/// The server cannot start.
pub async fn run(command: SandboxCommand, interrupt: &Interrupt) -> Result<()> {
    match command {
        SandboxCommand::Serve { listen, workers } => {
            let mut config = sandbox::ServerConfig { listen, ..sandbox::ServerConfig::default() };
            if workers > 0 {
                config.workers = workers;
            }
            let server = sandbox::serve(config).await.context("the code execution server")?;
            println!("listening on {}", server.url());
            while interrupt.check().is_ok() {
                tokio::time::sleep(POLL).await;
            }
            server.shutdown().await;
            Ok(())
        }
        SandboxCommand::Run(args) => run::run(args).await,
        SandboxCommand::Grade(args) => grade::run(args, interrupt).await,
        SandboxCommand::Doctor => {
            println!("{}", tokio::task::spawn_blocking(sandbox::doctor).await?);
            Ok(())
        }
    }
}
