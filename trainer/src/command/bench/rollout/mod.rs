//! `trainer bench rollout`: completions of random prompts, their rates, where the time goes, and how near that is to
//! what the same work takes at the least.

mod ceiling;
mod random_requests;
mod report;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use hub::ModelFiles;
use policy::dist::cuda::Gpu;
use policy::{CHAT_TEMPLATE, Decoder, ModelConfig, Placement, Policy, Texts, train_tokenizer, write_folder};
use rollout::{CacheTokens, Engine, EngineOptions, EngineWork, GenerationStats};

use self::ceiling::{Ceiling, read_rate};
use self::random_requests::{RandomRequests, Shape};
use self::report::{RolloutReport, SecondsByPart};
use super::compute::ComputeArgs;
use super::operations::wait;
use super::show::show;
use crate::failure::Usage;
use crate::interrupt::Interrupt;
use crate::memory::peak_memory;
use crate::named_files::NamedFiles;

/// Runs that are timed, after one that is not.
const RUNS: usize = 3;
/// Requests of a mixed run that are in flight at a time.
const MIXED_IN_FLIGHT: usize = 64;

/// What `trainer bench rollout` takes.
#[derive(Debug, Args)]
pub(crate) struct RolloutArgs {
    /// A Hugging Face folder, or the name of a model of the hub; with --random-weights its config.json is enough.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Distinct prompts: 64 where it is not given, and 256 with --mixed.
    #[arg(long, value_name = "N")]
    prompts: Option<usize>,
    /// Completions of each prompt.
    #[arg(long, value_name = "K", default_value_t = 1)]
    samples: usize,
    /// Tokens of each completion.
    #[arg(long, value_name = "T", default_value_t = 256)]
    new_tokens: usize,
    /// Tokens of each prompt.
    #[arg(long, value_name = "N", default_value_t = 64)]
    prompt_tokens: usize,
    /// Prompts and completions of 16 to 512 tokens, few of them long; 64 requests in flight, and a cache for half of
    /// the most that they could need.
    #[arg(long, conflicts_with_all = ["new_tokens", "prompt_tokens"])]
    mixed: bool,
    /// Draw the weights, of which no file is read.
    #[arg(long)]
    random_weights: bool,
    /// Writes the figures as JSON too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    compute: ComputeArgs,
}

/// One run of the requests.
struct Run {
    seconds: f64,
    stats: GenerationStats,
    work: EngineWork,
}

/// Runs the command.
///
/// # Errors
/// The arguments make no sense, the model does not load, a request fails, a file cannot be written, or the user
/// interrupts.
pub(super) async fn run(mut args: RolloutArgs, interrupt: &Interrupt) -> Result<()> {
    let wanted = if args.random_weights { ModelFiles::Texts } else { ModelFiles::All };
    NamedFiles::new(interrupt).model("--model", &mut args.model, wanted).await?;
    tokio::task::block_in_place(|| time_completions(&args, interrupt))
}

fn time_completions(args: &RolloutArgs, interrupt: &Interrupt) -> Result<()> {
    let placement = args.compute.resolve()?;
    let config = ModelConfig::from_file(&args.model.join("config.json"))?;
    let requests = RandomRequests::new(shape(args)?, &config)?;
    let (decoder, texts) = load(args, &config, placement)?;
    let gpu = Gpu::of(placement.device);
    gpu.map_or(Ok(()), |gpu| gpu.reset_peaks())?;
    let mut runs = Vec::with_capacity(RUNS + 1);
    for _ in 0..=RUNS {
        runs.push(complete(&requests, &decoder, &texts, placement, interrupt)?);
    }
    let peak_memory_bytes = match gpu {
        Some(gpu) => gpu.memory()?.peak_allocated,
        None => peak_memory().context("/proc/self/status has no VmHWM")?,
    };
    runs.remove(0);
    runs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let seconds: Vec<f64> = runs.iter().map(|run| run.seconds).collect();
    let median = runs.swap_remove(RUNS / 2);
    interrupt.check()?;
    let bytes_per_second = read_rate(placement);
    let ceiling = Ceiling::of(&median.work, &decoder, bytes_per_second, interrupt)?;
    show(&report(args, &requests, &median, seconds, peak_memory_bytes, &ceiling), args.json.as_deref())
}

/// The workload's shape.
///
/// # Errors
/// A usage error: there is no such requests.
fn shape(args: &RolloutArgs) -> Result<Shape> {
    let counts = [
        ("prompts", args.prompts.unwrap_or(1)),
        ("samples", args.samples),
        ("new-tokens", args.new_tokens),
        ("prompt-tokens", args.prompt_tokens),
    ];
    if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
        return Err(Usage::error(format!("--{name} must be at least 1")));
    }
    let samples = args.samples;
    Ok(if args.mixed {
        Shape::Mixed { prompts: args.prompts.unwrap_or(256), samples, in_flight: MIXED_IN_FLIGHT }
    } else {
        let prompts = args.prompts.unwrap_or(64);
        Shape::Uniform { prompts, samples, prompt_tokens: args.prompt_tokens, new_tokens: args.new_tokens }
    })
}

fn load(args: &RolloutArgs, config: &ModelConfig, placement: Placement) -> Result<(Decoder, Arc<Texts>)> {
    if !args.random_weights {
        let policy = Policy::load(&args.model, placement)?;
        return Ok((policy.decoder, policy.texts));
    }
    Ok((Decoder::random(config, 0, placement), Arc::new(stand_in_texts()?)))
}

/// The texts of a model of a few numbers, for an engine whose completions nobody reads.
fn stand_in_texts() -> Result<Texts> {
    let config = ModelConfig::from_json(&serde_json::json!({
        "model_type": "qwen2", "vocab_size": 272, "hidden_size": 4, "intermediate_size": 4, "num_hidden_layers": 1,
        "num_attention_heads": 1, "num_key_value_heads": 1, "max_position_embeddings": 8,
    }))?;
    let folder = std::env::temp_dir().join(format!("bench-rollout-{}", std::process::id()));
    let tokenizer = train_tokenizer(["one two three"].into_iter(), 261)?;
    let written =
        write_folder(&folder, &Decoder::random(&config, 0, Placement::CPU), &tokenizer, CHAT_TEMPLATE, "<|im_end|>");
    let texts = written.and_then(|()| Texts::load(&folder));
    let removed = std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string());
    // Where writing failed that is what is said: there may be no folder to remove.
    let texts = texts?;
    removed?;
    Ok(texts)
}

/// Completes the workload once, with an engine of its own.
fn complete(
    requests: &RandomRequests,
    decoder: &Decoder,
    texts: &Arc<Texts>,
    placement: Placement,
    interrupt: &Interrupt,
) -> Result<Run> {
    let options = EngineOptions {
        max_sequences: requests.in_flight,
        cache_tokens: CacheTokens::Tokens(requests.cache_tokens),
        ..Default::default()
    };
    let mut engine = Engine::new(decoder.config(), placement, &options, texts.clone())?;
    let started = Instant::now();
    for request in requests.all() {
        engine.submit(request)?;
    }
    while !engine.is_idle() {
        interrupt.check()?;
        for finished in engine.step(decoder, 0)? {
            finished.result?;
        }
    }
    wait(placement.device);
    Ok(Run { seconds: started.elapsed().as_secs_f64(), stats: engine.take_stats(), work: engine.take_work() })
}

fn report(
    args: &RolloutArgs,
    requests: &RandomRequests,
    run: &Run,
    runs: Vec<f64>,
    peak_memory_bytes: u64,
    ceiling: &Ceiling,
) -> RolloutReport {
    let stats = &run.stats;
    RolloutReport {
        prefill_tokens_per_second: stats.num_prefill_tokens as f64 / stats.prefill_seconds.max(f64::MIN_POSITIVE),
        decode_tokens_per_second: stats.num_completion_tokens as f64 / stats.decode_seconds,
        total_tokens_per_second: stats.num_completion_tokens as f64 / run.seconds,
        ceiling_fraction: ceiling.seconds() / run.seconds,
        ceiling_seconds: ceiling.seconds(),
        ceiling_product_seconds: ceiling.products,
        ceiling_cache_seconds: ceiling.cache,
        peak_memory_bytes,
        new_tokens: stats.num_completion_tokens,
        prefill_tokens: stats.num_prefill_tokens,
        preemptions: stats.num_preemptions,
        mean_running: stats.mean_running(),
        cache_tokens: requests.cache_tokens,
        seconds: SecondsByPart::of(&run.work, run.seconds),
        runs,
        model: super::update::name(&args.model),
        device: args.compute.device.clone(),
        dtype: args.compute.dtype.clone(),
        threads: tch::get_num_threads(),
        requests: requests.num_requests(),
        in_flight: requests.in_flight,
        mixed: args.mixed,
        random_weights: args.random_weights,
    }
}
