//! `trainer bench update`: optimizer updates of a model on random tokens, their rate and their memory.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use hub::{ModelFiles, Origin};
use learner::learner::Learner;
use learner::loss::{PolicyLossConfig, PolicyLossKind};
use learner::objective::preference::{self, PairIds, PreferenceLossConfig, PreferencePlan};
use learner::optimizer::adamw::AdamWConfig;
use learner::optimizer::schedule::{Schedule, ScheduleConfig};
use learner::trainable::{Actor, Trainable};
use learner::trajectory::TrajectoryGroup;
use learner::update::update;
use learner::update_plan::{OldLogprobs, UpdatePlan};
use policy::dist::cuda::Gpu;
use policy::{HeadOptions, ModelConfig, Placement, Policy, Recompute, RewardModel};
use progress::{Progress, Unit};

use super::batch::BatchShape;
use super::compute::ComputeArgs;
use super::operations::{decoder_update, head_update, matrix_rate, wait};
use super::show::show;
use super::update_report::{UpdateReport, UpdateSeconds};
use crate::failure::Usage;
use crate::interrupt::Interrupt;
use crate::memory::{peak_memory, resident_memory};
use crate::named_files::NamedFiles;

/// What `trainer bench update` takes.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// A Hugging Face folder, or the name of a model of the hub.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Writes the figures as JSON too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Sequences of an update.
    #[arg(long, value_name = "N", default_value_t = 64)]
    sequences: usize,
    /// Tokens of a sequence, with its prompt.
    #[arg(long, value_name = "N", default_value_t = 192)]
    tokens: usize,
    /// Tokens of a sequence that are its prompt, which is not learned from.
    #[arg(long, value_name = "N", default_value_t = 64)]
    prompt_tokens: usize,
    /// Sequences that share a prompt.
    #[arg(long, value_name = "N", default_value_t = 1)]
    samples: usize,
    /// Keep each block's input only, and compute the block again for its gradient.
    #[arg(long)]
    streamed: bool,
    /// Instead of a policy, train a reward model, on the sequences as pairs.
    #[arg(long)]
    reward_model: bool,
    /// Updates that are timed, after one that is not.
    #[arg(long, value_name = "N", default_value_t = 3)]
    updates: usize,
    /// Most tokens that go through the model at a time.
    #[arg(long, value_name = "N", default_value_t = 1536)]
    micro_batch_tokens: usize,
    /// Tokens whose logits are in memory at a time.
    #[arg(long, value_name = "N", default_value_t = 512)]
    head_chunk: usize,
    #[command(flatten)]
    compute: ComputeArgs,
}

/// A model in training, and the batch that it is trained on.
enum Workload {
    Policy { learner: Box<Learner>, plan: UpdatePlan, groups: Vec<TrajectoryGroup> },
    RewardModel { scorer: Box<Trainable<RewardModel>>, plan: PreferencePlan, pairs: Vec<PairIds> },
}

impl Workload {
    fn load(args: &UpdateArgs, shape: BatchShape, placement: Placement) -> Result<Self> {
        let recompute = if args.streamed { Recompute::Blocks } else { Recompute::Nothing };
        let micro_batch_tokens = args.micro_batch_tokens;
        let optimizer = AdamWConfig::default();
        let schedule = Schedule::new(ScheduleConfig::default(), 1)?;
        if args.reward_model {
            let model = RewardModel::load_any(&args.model, placement)?;
            let vocab_size = model.decoder.config().vocab_size as u64;
            return Ok(Self::RewardModel {
                scorer: Box::new(Trainable::new(model, &optimizer, schedule)?),
                plan: PreferencePlan { micro_batch_tokens, recompute, loss: PreferenceLossConfig::default() },
                pairs: shape.pairs(vocab_size),
            });
        }
        let policy = Policy::load(&args.model, placement)?;
        let vocab_size = policy.decoder.config().vocab_size as u64;
        let actor = Trainable::new(Actor { policy, value_head: None }, &optimizer, schedule)?;
        Ok(Self::Policy {
            learner: Box::new(Learner::of(actor)),
            plan: UpdatePlan {
                updates_per_step: 1,
                micro_batch_tokens,
                head: HeadOptions { temperature: 1.0, chunk: args.head_chunk as i64 },
                recompute,
                old_logprobs: OldLogprobs::Rollout,
                loss: PolicyLossConfig::of_kind(PolicyLossKind::default()),
                critic: None,
            },
            groups: shape.groups(vocab_size),
        })
    }

    /// One update; returns its seconds.
    fn update(&mut self, placement: Placement) -> Result<f64> {
        let start = Instant::now();
        match self {
            Self::Policy { learner, plan, groups } => {
                update(learner, groups.clone(), plan, 0)?;
            }
            Self::RewardModel { scorer, plan, pairs } => {
                preference::learn(scorer, &pairs.iter().collect::<Vec<_>>(), plan, 0, None)?;
            }
        }
        wait(placement.device);
        Ok(start.elapsed().as_secs_f64())
    }

    /// Exchanges the batch for the smallest that the model can be trained on.
    fn shrink(&mut self) {
        let smallest = BatchShape { sequences: 2, tokens: 2, prompt_tokens: 1, samples: 1 };
        match self {
            Self::Policy { groups, .. } => *groups = smallest.groups(1),
            Self::RewardModel { pairs, .. } => *pairs = smallest.pairs(1),
        }
    }
}

/// Runs the command.
///
/// # Errors
/// The arguments make no sense, the model does not load, an update fails, a file cannot be written, or the user
/// interrupts.
pub(super) async fn run(mut args: UpdateArgs, interrupt: &Interrupt) -> Result<()> {
    NamedFiles::new(interrupt).model("--model", &mut args.model, ModelFiles::All).await?;
    tokio::task::block_in_place(|| time_updates(&args, interrupt))
}

fn time_updates(args: &UpdateArgs, interrupt: &Interrupt) -> Result<()> {
    let shape = shape(args)?;
    let placement = args.compute.resolve()?;
    let config = ModelConfig::from_file(&args.model.join("config.json"))?;
    let positions = config.max_position_embeddings;
    if args.tokens as i64 > positions {
        let model = args.model.display();
        return Err(Usage::error(format!("--tokens {}: {model} has {positions} positions", args.tokens)));
    }
    show(&measure(args, &config, shape, placement, interrupt)?, args.json.as_deref())
}

/// The batch's shape.
///
/// # Errors
/// A usage error: there is no such batch.
fn shape(args: &UpdateArgs) -> Result<BatchShape> {
    let UpdateArgs { sequences, tokens, prompt_tokens, samples, .. } = *args;
    let counts = [
        ("sequences", sequences),
        ("tokens", tokens),
        ("prompt-tokens", prompt_tokens),
        ("samples", samples),
        ("updates", args.updates),
        ("micro-batch-tokens", args.micro_batch_tokens),
        ("head-chunk", args.head_chunk),
    ];
    if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
        return Err(Usage::error(format!("--{name} must be at least 1")));
    }
    if prompt_tokens >= tokens {
        return Err(Usage::error(format!(
            "--prompt-tokens {prompt_tokens} leaves nothing to learn from of --tokens {tokens}; set it lower"
        )));
    }
    if !sequences.is_multiple_of(samples) {
        return Err(Usage::error(format!("--sequences {sequences} must be a multiple of --samples {samples}")));
    }
    if args.reward_model && !sequences.is_multiple_of(2) {
        return Err(Usage::error(format!("--sequences {sequences} must be even: a reward model learns from pairs")));
    }
    Ok(BatchShape { sequences, tokens, prompt_tokens, samples })
}

fn measure(
    args: &UpdateArgs,
    config: &ModelConfig,
    shape: BatchShape,
    placement: Placement,
    interrupt: &Interrupt,
) -> Result<UpdateReport> {
    let progress = Progress::start("update", Unit::Parts, Some(args.updates as u64 + 1));
    let before = resident_memory().context("/proc/self/status has no VmRSS")?;
    let start = Instant::now();
    let mut workload = Workload::load(args, shape, placement)?;
    let load = start.elapsed().as_secs_f64();
    let gpu = Gpu::of(placement.device);
    gpu.map_or(Ok(()), |gpu| gpu.reset_peaks())?;
    let mut all = Vec::with_capacity(args.updates + 1);
    for place in 0..=args.updates as u64 {
        interrupt.check()?;
        all.push(workload.update(placement)?);
        progress.reach(place + 1, "");
    }
    let gpu = gpu.map(|gpu| gpu.memory()).transpose()?;
    let peak_memory_bytes = peak_memory().context("/proc/self/status has no VmHWM")?;
    workload.shrink();
    let smallest_update = workload.update(placement)?;
    let matrix_operations_per_second = matrix_rate(placement);
    progress.finish("");

    let updates = all.split_off(1);
    let seconds = median(&updates);
    let head = if args.reward_model { 0.0 } else { head_update(config, shape) };
    let operations_per_update = decoder_update(config, shape) + head;
    Ok(UpdateReport {
        tokens_per_second: shape.num_tokens() as f64 / seconds,
        peak_memory_bytes,
        gpu,
        measured_memory_bytes: peak_memory_bytes.saturating_sub(before),
        flops_fraction: operations_per_update / seconds / matrix_operations_per_second,
        operations_per_update,
        matrix_operations_per_second,
        seconds: UpdateSeconds { load, first_update: all[0], updates, smallest_update },
        model: name(&args.model),
        trains: if args.reward_model { "reward model" } else { "policy" },
        device: args.compute.device.clone(),
        dtype: args.compute.dtype.clone(),
        threads: tch::get_num_threads(),
        streamed: args.streamed,
        sequences: args.sequences,
        tokens: args.tokens,
        prompt_tokens: args.prompt_tokens,
        samples: args.samples,
        micro_batch_tokens: args.micro_batch_tokens,
        head_chunk: args.head_chunk,
    })
}

/// What a model is called: by its repository, or by its folder.
pub(super) fn name(folder: &Path) -> String {
    if let Some(origin) = Origin::of_path(folder) {
        return origin.to_string();
    }
    folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned()
}

/// The middle of some numbers, or the mean of the two middle ones.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) { (sorted[middle - 1] + sorted[middle]) / 2.0 } else { sorted[middle] }
}
