//! `trainer bench`: measurements, as a table for people and as JSON for programs.

mod batch;
mod compute;
mod gpu;
pub(super) mod operations;
mod rollout;
mod sandbox;
mod show;
mod update;
mod update_report;

use anyhow::Result;
use clap::Subcommand;

use self::gpu::GpuArgs;
use self::rollout::RolloutArgs;
use self::sandbox::SandboxArgs;
use self::update::UpdateArgs;
use crate::example::example;
use crate::interrupt::Interrupt;

/// What `trainer bench` measures.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Try this machine's GPU: copies, NCCL with one rank, updates held against the CPU's, memory against the plan.
    /// Ends with 2 where there is none.
    #[command(after_help = example!("trainer bench gpu --device 0"))]
    Gpu(GpuArgs),
    /// Time completions of random prompts: rates, where the time goes, and how near that is to the least that the same
    /// work takes.
    #[command(after_help = example!(
        in "a folder of `trainer init`":
        "trainer bench rollout --model model --prompts 4 --prompt-tokens 16 --new-tokens 16",
    ))]
    Rollout(RolloutArgs),
    /// Time the code execution engines beside other ways to run a Python program found here, or soak them.
    #[command(after_help = example!("trainer bench sandbox --runs 100"))]
    Sandbox(SandboxArgs),
    /// Time optimizer updates of a model on random tokens, and measure their memory.
    #[command(after_help = example!(
        in "a folder of `trainer init`":
        "trainer bench update --model model --sequences 8",
    ))]
    Update(UpdateArgs),
}

/// Runs the command.
///
/// # Errors
/// The arguments make no sense, nothing can be measured, a file cannot be written, a soak was not clean, or the user
/// interrupts.
pub(crate) async fn run(command: BenchCommand, interrupt: &Interrupt) -> Result<()> {
    match command {
        BenchCommand::Gpu(args) => tokio::task::block_in_place(|| gpu::run(&args, interrupt)),
        BenchCommand::Rollout(args) => rollout::run(args, interrupt).await,
        BenchCommand::Sandbox(args) => sandbox::run(args).await,
        BenchCommand::Update(args) => update::run(args, interrupt).await,
    }
}
