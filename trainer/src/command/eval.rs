//! `trainer eval`: pass@1 and avg@k of a model on a dataset of tasks.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use datasets::TaskKind;
use record::atomic::write_file;
use rollout::EngineOptions;
use serde::Deserialize;
use verifiers::{RewardConfig, VerifiersConfig};

use crate::collect::Collector;
use crate::config::{EvalSection, PromptSection, RunSection, SandboxSection, Source, SourceSection, load};
use crate::evaluation::Evaluation;
use crate::failure::Usage;
use crate::interrupt::Interrupt;
use crate::judge::Judge;
use crate::prompt_check::load_texts;
use crate::ranks::environment::refuse_ranks;
use crate::worker::{ModelState, ModelWorker};

/// What `trainer eval` takes.
#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// A Hugging Face folder.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// A JSONL file of tasks (may be given several times).
    #[arg(long, value_name = "FILE", required = true)]
    data: Vec<PathBuf>,
    /// Judge every task by this verifier instead of its own.
    #[arg(long, value_name = "NAME")]
    verifier: Option<String>,
    /// Completions of each task: k of avg@k.
    #[arg(long, default_value_t = 1)]
    samples: usize,
    /// Only so many tasks of each file.
    #[arg(long)]
    limit: Option<usize>,
    /// Sampling temperature; 0 takes the likeliest token.
    #[arg(long, default_value_t = 0.6)]
    temperature: f64,
    /// Nucleus; 1 keeps everything.
    #[arg(long, default_value_t = 1.0)]
    top_p: f64,
    /// Most candidates; 0 keeps everything.
    #[arg(long, default_value_t = 0)]
    top_k: usize,
    /// Longest completion, in tokens.
    #[arg(long, default_value_t = 1024)]
    max_new_tokens: usize,
    /// Most completions in flight.
    #[arg(long, alias = "max-batch", default_value_t = 32)]
    max_sequences: usize,
    /// Added to the last user turn of every task, instead of [prompt.suffix].
    #[arg(long, value_name = "TEXT")]
    suffix: Option<String>,
    /// A system turn before each task, instead of prompt.system.
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// A run's TOML file: its sections for prompts, verifiers and the sandbox are used.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Overrides one key, as in --set prompt.arguments.enable_thinking=false (may be given several times).
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
    /// Random numbers are keyed by this, the dataset, the task's number in it, the sample and the token's position.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// auto, cpu or cuda:N.
    #[arg(long, default_value = "auto")]
    device: String,
    /// float32 or bfloat16.
    #[arg(long, default_value = "float32")]
    dtype: String,
    /// A code execution server to use instead of the embedded one (may be given several times).
    #[arg(long, value_name = "URL")]
    sandbox: Vec<String>,
    /// Also write the figures to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The sections of a run's configuration that are read here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct EvalConfig {
    prompt: PromptSection,
    verifiers: VerifiersConfig,
    sandbox: SandboxSection,
}

/// Runs the command and prints a table.
///
/// # Errors
/// The input is bad, the model does not load, or the user interrupts.
pub(crate) async fn run(args: EvalArgs, interrupt: Interrupt) -> Result<()> {
    refuse_ranks("eval")?;
    let section = EvalSection {
        datasets: args
            .data
            .iter()
            .map(|path| SourceSection { limit: args.limit, ..SourceSection::of(path.as_path().into()) })
            .collect(),
        samples: args.samples,
        temperature: args.temperature,
        top_p: args.top_p,
        top_k: args.top_k,
        ..EvalSection::default()
    };
    section.validate()?;
    let source = Source { path: args.config.as_deref(), assignments: args.set.clone(), moved: None };
    let EvalConfig { mut prompt, verifiers, mut sandbox } = load(&source)?;
    prompt.validate()?;
    verifiers.validate().map_err(|error| Usage::error(error.to_string()))?;
    if let Some(suffix) = args.suffix {
        prompt.suffix = [(TaskKind::new(PromptSection::ANY_KIND), suffix)].into();
    }
    if let Some(system) = args.system {
        prompt.system = system;
    }
    let run = RunSection { device: args.device, dtype: args.dtype, ..RunSection::default() };
    let placement = run.resolve()?;
    let engine = EngineOptions { max_sequences: args.max_sequences, ..EngineOptions::default() };
    let mut evaluation = Evaluation::new(&section, &prompt, args.max_new_tokens, args.seed)?;
    if let Some(verifier) = &args.verifier {
        evaluation.judge_by(verifier);
    }
    if !args.sandbox.is_empty() {
        sandbox.url = args.sandbox;
    }
    let judge = Judge::start(&verifiers, &RewardConfig::default(), &sandbox, None).await?;
    let texts = Arc::new(load_texts(&args.model, &prompt)?);
    evaluation.check_prompts(&texts, &engine)?;
    evaluation.check(&judge).await?;
    let folder = args.model;
    let load = move || Ok((ModelState::load_policy(&folder, placement, &engine)?, ()));
    let (worker, ()) = ModelWorker::start(load).await?;
    let collector = Collector { worker, texts, scorer_texts: None, judge: Arc::new(judge), patience: None, interrupt };
    let summaries = evaluation.summaries(&collector).await?;
    println!("{:<24} {:>6} {:>8} {:>16} {:>8} {:>8}", "dataset", "tasks", "pass@1", "95 % interval", "avg@k", "tokens");
    for summary in &summaries {
        let [low, high] = summary.interval;
        println!(
            "{:<24} {:>6} {:>8.4} {:>16} {:>8.4} {:>8.1}",
            summary.dataset,
            summary.num_tasks,
            summary.pass_at_1,
            format!("{low:.4}..{high:.4}"),
            summary.score_mean,
            summary.completion_tokens_mean,
        );
    }
    if let Some(path) = args.json {
        write_file(&path, &serde_json::to_vec_pretty(&summaries)?)?;
    }
    if let Some(judge) = Arc::into_inner(collector.judge) {
        judge.stop().await;
    }
    Ok(())
}
