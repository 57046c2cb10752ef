//! `trainer recipe`: cold start, stage 1, reward model, stage 2, with the figures after each in one table.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::entry_args::EntryArgs;
use crate::interrupt::Interrupt;
use crate::ranks::environment::refuse_ranks;
use crate::run::recipe::Recipe;
use crate::stdout::print;

/// What `trainer recipe` takes.
#[derive(Debug, Args)]
pub(crate) struct RecipeArgs {
    /// The recipe's TOML file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Overrides dir: the folder that the recipe writes.
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// Overrides seed: the number from which all stages' seeds and the data's follow.
    #[arg(long, value_name = "N", allow_negative_numbers = true,
        value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: Option<u64>,
    #[command(flatten)]
    pub entry: EntryArgs,
}

/// Runs every stage that is left, and prints the table.
///
/// # Errors
/// The folder holds another run, a stage fails, or the user interrupts.
pub(crate) async fn run(args: &RecipeArgs, interrupt: Interrupt) -> Result<()> {
    refuse_ranks("recipe")?;
    let mut recipe = Recipe::open(&args.config, args.run_dir.as_deref(), args.seed, args.entry.entry(), interrupt)?;
    recipe.run().await?;
    let report = report::write_report(recipe.dir())?;
    print(format_args!("{}\nreport: {}\n", recipe.table(), report.display()))
}
