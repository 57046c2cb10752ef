//! `trainer`: the command line and the only composer. It parses, hands over, and turns errors into exit codes.

// `println!` panics where nobody reads: `stdout::print` does not.
#![deny(clippy::print_stdout)]

mod cheap;
mod checkpoint;
mod cli;
mod code_server;
mod collect;
mod command;
mod component_verifier;
mod config;
mod console;
#[cfg(test)]
mod documented;
mod entry_args;
mod evaluation;
mod evaluation_table;
mod example;
mod failure;
mod held_out;
mod interrupt;
mod judge;
mod memory;
mod named_files;
mod open_run;
mod origin;
mod passive_threads;
mod patience;
mod plan;
mod preference_training;
mod prompt;
mod prompt_check;
mod rank_metrics;
mod ranks;
mod rollout_rows;
mod run;
mod service_watch;
mod skipped_update;
mod stage;
mod stdout;
mod step_metrics;
mod supervised;
mod tools;
mod trace_tokens;
mod train;
mod trajectories;
mod walk;
mod worker;

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser};
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::cli::{Cli, Command, TrainingRunArgs};
use self::config::{Source, load};
use self::failure::{Usage, exit_code, in_words, write_error_file};
use self::interrupt::Interrupt;
use self::ranks::launch;
use self::stdout::print;

fn main() -> ExitCode {
    sandbox::run_worker_if_asked();
    if let Err(error) = sweep::process::end_with_sweep() {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    let cli = Cli::parse();
    if cli.computes() {
        passive_threads::wait_passively();
    }
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| progress::Stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let result =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(anyhow::Error::from).and_then(
            |runtime| {
                let result = runtime.block_on(run(cli));
                // A verifier that was given up may still hold a thread, which is not waited for.
                runtime.shutdown_background();
                result
            },
        );
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", in_words(&error));
            write_error_file(&error);
            ExitCode::from(exit_code(&error))
        }
    }
}

async fn run(cli: Cli) -> Result<()> {
    if let Some(num_ranks) = cli.num_ranks() {
        return launch(num_ranks).await;
    }
    let interrupt = Interrupt::listen()?;
    if let Some(step) = cli.until() {
        interrupt.end_after(step);
    }
    match (cli.stage, cli.command) {
        (Some(stage), _) => match configuration(&cli.run)? {
            Some(config) => stage::run_stage(stage, config, cli.run.entry.entry(), interrupt).await,
            None => Ok(()),
        },
        (None, None) => Err(Usage::error("--config: say which stage it is for, with --stage 1 or --stage 2")),
        (None, Some(Command::Init(args))) => tokio::task::block_in_place(|| command::init::run(&args)),
        (None, Some(Command::ColdStart(run))) => match configuration(&run)? {
            Some(config) => supervised::cold_start(config, run.entry.entry(), interrupt).await,
            None => Ok(()),
        },
        (None, Some(Command::RewardModel(run))) => match configuration(&run)? {
            Some(config) => preference_training::train_reward_model(config, run.entry.entry(), interrupt).await,
            None => Ok(()),
        },
        (None, Some(Command::Recipe(args))) => command::recipe::run(&args, interrupt).await,
        (None, Some(Command::Sweep(args))) => tokio::task::block_in_place(|| command::sweep::run(&args, &interrupt)),
        (None, Some(Command::Eval(args))) => command::eval::run(*args, interrupt).await,
        (None, Some(Command::Compare(args))) => tokio::task::block_in_place(|| command::compare::run(&args)),
        (None, Some(Command::Data(command))) => command::data::run(command, interrupt).await,
        (None, Some(Command::Generate(args))) => command::generate::run(args, &interrupt).await,
        (None, Some(Command::Render(args))) => command::render::run(args, &interrupt).await,
        (None, Some(Command::Verify(args))) => command::verify::run(args, interrupt).await,
        (None, Some(Command::Verifier(command))) => command::verifier::run(command, interrupt).await,
        (None, Some(Command::VerifyMath(args))) => {
            tokio::task::block_in_place(|| command::verify_math::run(&args, &interrupt))
        }
        (None, Some(Command::Report { run })) => print(format_args!("{}\n", report::write_report(&run)?.display())),
        (None, Some(Command::Checkpoint(command))) => {
            tokio::task::block_in_place(|| command::checkpoint::run(&command))
        }
        (None, Some(Command::Config(command))) => command::config::run(&command, &interrupt).await,
        (None, Some(Command::Export(args))) => tokio::task::block_in_place(|| command::export::run(&args)),
        (None, Some(Command::Sandbox(command))) => command::sandbox::run(command, &interrupt).await,
        (None, Some(Command::Completions(args))) => command::completions::run(&args, Cli::command()),
        (None, Some(Command::Man(args))) => command::man::run(&args, Cli::command()),
        (None, Some(Command::Bench(command))) => command::bench::run(command, &interrupt).await,
    }
}

/// The configuration of a run; `None` where it was only to be printed.
fn configuration<C: DeserializeOwned + Serialize>(run: &TrainingRunArgs) -> Result<Option<C>> {
    let mut assignments = run.set.clone();
    if let Some(dir) = &run.run_dir {
        assignments.push(format!("run.dir={:?}", dir.display().to_string()));
    }
    let config: C = load(&Source { path: run.config.as_deref(), assignments, moved: None })?;
    if run.print_config {
        print(toml::to_string(&config)?)?;
        return Ok(None);
    }
    Ok(Some(config))
}
