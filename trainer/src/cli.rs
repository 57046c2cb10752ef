//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::command::bench::BenchCommand;
use crate::command::checkpoint::CheckpointCommand;
use crate::command::compare::CompareArgs;
use crate::command::completions::CompletionsArgs;
use crate::command::config::ConfigCommand;
use crate::command::data::DataCommand;
use crate::command::eval::EvalArgs;
use crate::command::export::ModelExportArgs;
use crate::command::generate::GenerateArgs;
use crate::command::init::InitArgs;
use crate::command::man::ManArgs;
use crate::command::recipe::RecipeArgs;
use crate::command::render::RenderArgs;
use crate::command::sandbox::SandboxCommand;
use crate::command::sweep::SweepArgs;
use crate::command::verifier::VerifierCommand;
use crate::command::verify::VerifyArgs;
use crate::command::verify_math::VerifyMathArgs;
use crate::entry_args::EntryArgs;
use crate::example::example;

/// Reinforcement learning for reasoning models, in the two stages of QwQ-32B.
///
/// `trainer --stage 1 --config FILE` trains on tasks whose outcome is checked, `trainer --stage 2 --config FILE` on
/// general abilities with a reward model and rules; the subcommands do what comes before, between and after.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, arg_required_else_help = true)]
#[command(after_help = example!("trainer init my && cd my", "trainer --stage 1 --config config.toml"))]
pub(crate) struct Cli {
    /// Which stage of reinforcement learning to run.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=2), requires = "config")]
    pub stage: Option<u8>,
    #[command(flatten)]
    pub run: TrainingRunArgs,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// How a run is configured and entered.
#[derive(Debug, Args)]
pub(crate) struct TrainingRunArgs {
    /// The run's TOML file; the presets are in configs/.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Overrides one key, as in --set schedule.lr=1e-5 (may be given several times).
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    pub set: Vec<String>,
    /// Overrides run.dir: the folder that the run writes.
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    #[command(flatten)]
    pub entry: EntryArgs,
    /// Starts so many ranks of this command on this host, which share the work as `[parallel]` says; on several hosts a
    /// launcher starts them.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub nproc: Option<u16>,
    /// Ends the run after the step, with its checkpoint, though it has more: `trainer sweep` has runs part there.
    #[arg(long, value_name = "STEP", hide = true, value_parser = clap::value_parser!(u64).range(1..))]
    pub until: Option<u64>,
    /// Prints the resolved configuration, with every default and override, and ends.
    #[arg(long)]
    pub print_config: bool,
}

impl Cli {
    /// Step after which the run ends, where it is to end before its last.
    pub(crate) fn until(&self) -> Option<u64> {
        match &self.command {
            None => self.run.until,
            Some(Command::ColdStart(run) | Command::RewardModel(run)) => run.until,
            Some(_) => None,
        }
    }

    /// True where models are computed with, here or in processes of this one.
    pub(crate) fn computes(&self) -> bool {
        use Command::{Bench, ColdStart, Eval, Generate, Recipe, RewardModel, Sweep};
        let is_one = |command: &Command| {
            matches!(command, ColdStart(_) | RewardModel(_) | Recipe(_) | Sweep(_) | Eval(_) | Generate(_) | Bench(_))
        };
        self.command.as_ref().is_none_or(is_one)
    }

    /// Number of ranks to start, where there are to be several: this process then does nothing else.
    pub(crate) fn num_ranks(&self) -> Option<usize> {
        let run = match &self.command {
            None => &self.run,
            Some(Command::ColdStart(run) | Command::RewardModel(run)) => run,
            Some(_) => return None,
        };
        run.nproc.filter(|ranks| *ranks > 1 && !run.print_config).map(usize::from)
    }
}

/// What the trainer does besides the two stages.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a folder for a first run of your own: a configuration, ten tasks, a verifier in Python, and a README.
    #[command(after_help = example!("trainer init my && cd my", "trainer --stage 1 --config config.toml"))]
    Init(InitArgs),
    /// Fine-tune on traces: what the policy learns before reinforcement learning.
    #[command(after_help = example!(
        in "a clone of the project":
        "trainer cold-start --config configs/demo/cold-start.toml --print-config",
    ))]
    ColdStart(#[command(flatten)] TrainingRunArgs),
    /// Train a reward model on preference pairs.
    #[command(after_help = example!(
        in "a clone of the project":
        "trainer reward-model --config configs/demo/reward-model.toml --print-config",
    ))]
    RewardModel(#[command(flatten)] TrainingRunArgs),
    /// Run every stage in order, with a table of held-out accuracy at the end.
    #[command(after_help = example!(
        in "a clone of the project":
        "trainer recipe --config configs/demo/recipe.toml",
    ))]
    Recipe(#[command(flatten)] RecipeArgs),
    /// Compare arms of a run or recipe over seeds: cells, paired differences, a page.
    #[command(after_help = example!(
        in "a clone of the project":
        "trainer sweep configs/sweeps/demo-clip.toml --dry-run",
    ))]
    Sweep(SweepArgs),
    /// Measure a model, or what another engine answered, on suites or files of tasks.
    #[command(after_help = example!(
        in "a folder of `trainer init`":
        "trainer eval --model model --data held_out.jsonl --config config.toml --samples 4",
    ))]
    Eval(Box<EvalArgs>),
    /// Compare results of `trainer eval`, task by task.
    #[command(after_help = example!(
        in "a folder of `trainer init`":
        "trainer eval --model model --data held_out.jsonl --config config.toml --json before.json",
        "trainer eval --model runs/first/checkpoints/last --data held_out.jsonl --config config.toml --json after.json",
        "trainer compare before.json after.json",
    ))]
    Compare(CompareArgs),
    /// Look at data: as they will be asked, and what is wrong with them.
    #[command(after_help = example!(
        in "a folder of `trainer init`":
        "trainer data show tasks.jsonl --records 1",
        "trainer data check tasks.jsonl --config config.toml",
    ))]
    #[command(subcommand)]
    Data(DataCommand),
    /// Complete the prompts of a JSONL file.
    #[command(after_help = example!(
        in "a folder of `trainer init`":
        "echo '{\"id\": 1, \"prompt\": \"2 + 3 =\"}' > prompts.jsonl",
        "trainer generate --model model --input prompts.jsonl --output completions.jsonl",
    ))]
    Generate(GenerateArgs),
    /// Render the prompts of tasks as the model sees them: text and token ids, no weights needed.
    #[command(after_help = example!(
        in "a folder of `trainer init`":
        "trainer render --model model --input tasks.jsonl --output rendered.jsonl",
    ))]
    Render(RenderArgs),
    /// Judge the completions of a JSONL file by the verifiers that they name.
    #[command(after_help = example!(
        in "a folder of `trainer init`":
        "trainer verify --config config.toml --input cases.jsonl",
    ))]
    Verify(VerifyArgs),
    /// Try out a verifier.
    #[command(after_help = example!(
        in "a folder of `trainer init`":
        "trainer verifier check number --config config.toml --input cases.jsonl",
    ))]
    #[command(subcommand)]
    Verifier(VerifierCommand),
    /// Judge final answers with the maths verifier: one pair, or a JSONL file of them.
    #[command(after_help = example!("trainer verify-math '1/2' 'It is \\boxed{0.5}.'"))]
    VerifyMath(VerifyMathArgs),
    /// Write a run's folder as one HTML page.
    #[command(after_help = example!(in "a folder of `trainer init`": "trainer report runs/first"))]
    Report {
        /// The run's folder, or a recipe's.
        run: PathBuf,
    },
    /// Look at configurations.
    #[command(after_help = example!(in "a folder of `trainer init`": "trainer config check config.toml"))]
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look at checkpoints.
    #[command(after_help = example!(
        in "a folder of `trainer init`":
        "trainer checkpoint verify runs/first",
        "trainer checkpoint export runs/first/checkpoints/last exported",
    ))]
    #[command(subcommand)]
    Checkpoint(CheckpointCommand),
    /// Write the folder of a run's model that is uploaded: the model as other tools load it, with a model card.
    #[command(after_help = example!(in "a folder of `trainer init`": "trainer export runs/first"))]
    Export(ModelExportArgs),
    /// The code execution server.
    #[command(after_help = example!("echo 'print(1 + 1)' > sum.py", "trainer sandbox run sum.py"))]
    #[command(subcommand)]
    Sandbox(SandboxCommand),
    /// Measure parts of the trainer on this machine.
    #[command(after_help = example!(
        in "a folder of `trainer init`":
        "trainer bench update --model model --sequences 8",
    ))]
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Print what a shell needs to complete this command line.
    #[command(after_help = example!("trainer completions bash > trainer.bash"))]
    Completions(CompletionsArgs),
    /// Write manual pages: one of each command.
    #[command(after_help = example!("trainer man man1"))]
    Man(ManArgs),
}
