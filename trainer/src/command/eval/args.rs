//! What `trainer eval` takes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use evaluation::ProtocolOverride;

/// What `trainer eval` takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct EvalArgs {
    /// A Hugging Face folder, or the name of a model of the hub. Not needed with --completions, --rejudge or --prompts.
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// A suite by name, as in gsm8k, livecodebench@v5:2024-08-01..2025-01-31 or qwq, or its TOML file (may be given
    /// several times). Without one, files are asked and judged as they are.
    #[arg(long, value_name = "NAME")]
    pub suite: Vec<String>,
    /// Tasks: a file of any format and known layout, a folder of them, or the name of a data set of the hub (may be
    /// given several times). SUITE=FILE where there are several suites.
    #[arg(long, value_name = "FILE", required = true)]
    pub data: Vec<String>,
    /// Layout of the data: the name of one that is shipped, or a TOML file; told by the columns where absent.
    #[arg(long, value_name = "NAME")]
    pub layout: Option<String>,
    /// Overrides one key of the layout (may be given several times).
    #[arg(long, value_name = "KEY=VALUE")]
    pub set_layout: Vec<String>,
    /// Split of a folder.
    #[arg(long, value_name = "NAME")]
    pub split: Option<String>,
    /// Condition that a row must meet.
    #[arg(long, value_name = "CONDITION")]
    pub filter: Option<String>,
    /// Solved examples of suites that are asked with some: a file, or else the split that the suite names.
    #[arg(long, value_name = "FILE")]
    pub shots: Vec<PathBuf>,
    /// Judge what another engine answered: lines of {"id", "completions": ["..."]}. SUITE=FILE where there are several
    /// suites.
    #[arg(long, value_name = "FILE")]
    pub completions: Vec<String>,
    /// Scores that a judge gave to the completions of a suite of rewards: lines of {"id", "chosen": [..], "rejected":
    /// [..]}.
    #[arg(long, value_name = "FILE")]
    pub scores: Option<PathBuf>,
    /// Write what would be asked: lines of {"id", "messages"}, with text and token ids where a model is given.
    #[arg(long, value_name = "FILE")]
    pub prompts: Option<PathBuf>,
    /// Judge the samples that are stored again, without a model; the verdicts before stay beside the new ones.
    #[arg(long)]
    pub rejudge: bool,
    /// Judge every task by this verifier instead of its own.
    #[arg(long, value_name = "NAME")]
    pub verifier: Option<String>,
    /// Completions of each task: n of avg@n [default: the suite's, or 1].
    #[arg(long)]
    pub samples: Option<usize>,
    /// pass@J to show in the table (may be given several times); the file has all up to n.
    #[arg(long, value_name = "J")]
    pub pass_at: Vec<usize>,
    /// Only so many tasks, drawn by the seed: the same for every model.
    #[arg(long)]
    pub limit: Option<usize>,
    /// Sampling temperature; 0 takes the likeliest token [default: the suite's, or 0.6].
    #[arg(long)]
    pub temperature: Option<f64>,
    /// Nucleus; 1 keeps everything [default: the suite's, or 1].
    #[arg(long)]
    pub top_p: Option<f64>,
    /// Most candidates; 0 keeps everything [default: the suite's, or 0].
    #[arg(long)]
    pub top_k: Option<usize>,
    /// Least probability relative to the likeliest token's; 0 keeps everything [default: the suite's, or 0].
    #[arg(long)]
    pub min_p: Option<f64>,
    /// Divides the positive logits, and multiplies the others, of tokens of prompt and completion; 1 is off [default:
    /// the suite's, or 1].
    #[arg(long, value_name = "FACTOR")]
    pub repetition_penalty: Option<f64>,
    /// Subtracted from the logits of the completion's tokens, -2 to 2 [default: the suite's, or 0].
    #[arg(long, value_name = "LOGIT", allow_negative_numbers = true)]
    pub presence_penalty: Option<f64>,
    /// Subtracted from a token's logit for each time that the completion has it, -2 to 2 [default: the suite's, or 0].
    #[arg(long, value_name = "LOGIT", allow_negative_numbers = true)]
    pub frequency_penalty: Option<f64>,
    /// Longest completion, in tokens [default: the suite's, or 1024].
    #[arg(long)]
    pub max_new_tokens: Option<usize>,
    /// Sample by the temperature, top_p and top_k of the model's generation_config.json, which else is not looked at.
    #[arg(long, requires = "model")]
    pub generation_config: bool,
    /// Most completions in flight.
    #[arg(long, alias = "max-batch", default_value_t = 32)]
    pub max_sequences: usize,
    /// A tool that completions may call where their task brings none of its own: the code execution server runs their
    /// programs. Its limits are those of [rollout.tools].
    #[arg(long, value_name = "NAME", conflicts_with_all = ["completions", "scores"])]
    pub tools: Option<ToolName>,
    /// Added to the last user turn of every task of a file, instead of [prompt.suffix]; a suite has its own words.
    #[arg(long, value_name = "TEXT", conflicts_with = "suite")]
    pub suffix: Option<String>,
    /// A system turn before each task, instead of the suite's or prompt.system.
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// A run's TOML file: its sections for prompts, verifiers and the sandbox are used, and for files, as in the run
    /// itself, its [rollout.tools].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Overrides one key, as in --set prompt.arguments.enable_thinking=false (may be given several times).
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    pub set: Vec<String>,
    /// Random numbers are keyed by this, the suite's or file's name, the task's number in it, the sample and the
    /// token's position; the order of choices and the draw of a limit by this and the task's id.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// auto, cpu or cuda:N.
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// float32 or bfloat16.
    #[arg(long, default_value = "float32")]
    pub dtype: String,
    /// A code execution server to use instead of the embedded one (may be given several times).
    #[arg(long, value_name = "URL")]
    pub sandbox: Vec<String>,
    /// Largest share of samples whose verifier may break; beyond it the command ends with code 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    pub max_verifier_errors: f64,
    /// Folder of the record, where each sample is written as it ends; the same command goes on there after a kill.
    /// Where absent it lies beside the file of --json or --details, by the settings' checksum.
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Also write the figures to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Also write every sample with its verdict to this Parquet file.
    #[arg(long, value_name = "FILE")]
    pub details: Option<PathBuf>,
}

/// A tool that `trainer eval` can offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ToolName {
    Python,
}

impl EvalArgs {
    /// The settings that the flags put in the place of a suite's own.
    pub(super) fn protocol(&self) -> ProtocolOverride {
        ProtocolOverride {
            // A file's system turn is put around its tasks with the rest of the section.
            system: self.system.clone().filter(|_| !self.suite.is_empty()),
            samples: self.samples,
            temperature: self.temperature,
            top_p: self.top_p,
            top_k: self.top_k,
            min_p: self.min_p,
            repetition_penalty: self.repetition_penalty,
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            max_new_tokens: self.max_new_tokens,
            stop_repetition: None,
            thinking: None,
            verifier: self.verifier.clone(),
            metric: None,
        }
    }
}
