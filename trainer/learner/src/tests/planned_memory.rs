//! What `planner` says of one rank's memory, held against one rank that is there: its weights cut, its optimizer made,
//! one update done, in a group whose other ranks do not exist.
//!
//! Each rank is a process of its own, in which every block of memory from 64 KiB on is mapped alone and given back when
//! it is freed (mallopt(3)): its resident size is then that of the tensors that it holds.

use planner::{Axes, HeadWork, Place, Work, memory};
use policy::dist::ProcessGroup;
use policy::{Decoder, ModelConfig, Placement, Policy, Recompute, Sharded, parameter_shapes};
use tch::{Kind, Tensor};

use super::bf16_model::{micro_folder, plan};
use super::decoder_sizes::sizes;
use super::ranks::launch;
use crate::learner::Learner;
use crate::micro_batch::Minibatch;
use crate::optimizer::adamw::AdamWConfig;
use crate::optimizer::schedule::{Schedule, ScheduleConfig};
use crate::ranks::Ranks;
use crate::trainable::{Actor, Model, Trainable};
use crate::trajectory::{Advantages, Trajectory, TrajectoryGroup};
use crate::update::{accumulate, update};
use crate::update_outcome::TargetTotals;
use crate::update_plan::UpdatePlan;

/// Largest relative error of a prediction.
const TOLERANCE: f64 = 0.15;

/// Tokens of a sequence, and of its prompt.
const LENGTH: usize = 64;
const PROMPT: usize = 8;
/// Targets whose logits are in memory at a time.
const CHUNK: u64 = 64;

#[test]
fn two_shards() {
    play_alone("memory 1x2 float32 blocks 512");
}

#[test]
fn eight_shards() {
    play_alone("memory 1x8 float32 blocks 512");
}

#[test]
fn sixty_four_shards() {
    play_alone("memory 1x64 float32 blocks 512");
}

#[test]
fn two_hundred_and_fifty_six_ranks() {
    play_alone("memory 1x256 float32 blocks 512");
    play_alone("memory 32x8 float32 blocks 512");
}

/// With few tokens the largest moments are those of gradients on their way.
#[test]
fn few_tokens() {
    play_alone("memory 1x2 float32 blocks 64");
    play_alone("memory 1x64 float32 blocks 64");
}

#[test]
fn a_process_by_itself() {
    play_alone("memory 1x1 float32 blocks 512");
}

#[test]
fn replicas_alone() {
    play_alone("memory 8x1 float32 blocks 512");
}

#[test]
fn a_graph_of_all_blocks() {
    play_alone("memory 1x8 float32 nothing 512");
}

/// What is held, not the peak: a CPU computes in bfloat16 by other ways than a GPU.
#[test]
fn master_weights_of_bfloat16() {
    play_alone("memory 1x64 bfloat16 blocks 512");
}

/// Parameters are counted as a checkpoint has them, of every family.
#[test]
fn numbers_of_parameters_are_those_of_a_checkpoint() {
    for (model_type, tied) in [("qwen2", false), ("qwen2", true), ("qwen3", false), ("llama", true)] {
        let config = config(model_type, tied);
        let shapes = parameter_shapes(&config);
        let numel: i64 = shapes.iter().map(|parameter| parameter.shape.iter().product::<i64>()).sum();
        assert_eq!(sizes(&config).num_parameters(), numel as u64, "{model_type} {tied}");
    }
}

pub(super) fn play_alone(role: &str) {
    let folder = tempfile::tempdir().unwrap();
    let rank = launch(role, 1, folder.path()).env("MALLOC_MMAP_THRESHOLD_", "65536").env("MALLOC_ARENA_MAX", "1");
    let outcome = rank.run().unwrap();
    let log = std::fs::read_to_string(folder.path().join("rank-0.log")).unwrap_or_default();
    assert_eq!(outcome.exit_code, 0, "{role}: {log}");
    println!("{log}");
}

pub(super) fn config(model_type: &str, tied: bool) -> ModelConfig {
    ModelConfig::from_json(&serde_json::json!({
        "model_type": model_type, "vocab_size": 4096, "hidden_size": 512, "intermediate_size": 1536, "head_dim": 64,
        "num_hidden_layers": 6, "num_attention_heads": 8, "num_key_value_heads": 2, "max_position_embeddings": 1024,
        "tie_word_embeddings": tied,
    }))
    .unwrap()
}

/// A rank as a role describes it: `REPLICASxSHARDS DTYPE RECOMPUTED TOKENS`.
struct Rank {
    axes: Axes,
    kind: Kind,
    recompute: Recompute,
    /// Tokens that go through the model at a time, a multiple of `LENGTH`.
    tokens: u64,
}

impl Rank {
    fn parse(role: &str) -> Self {
        let words: Vec<&str> = role.split(' ').collect();
        let [layout, dtype, recomputed, tokens] = words[..] else { panic!("no rank `{role}`") };
        let (replicate, shard) = layout.split_once('x').expect("REPLICASxSHARDS");
        let (replicate, shard) = (replicate.parse().unwrap(), shard.parse().unwrap());
        Self {
            axes: Axes { replicate, shard, ..Axes::ONE },
            kind: if dtype == "bfloat16" { Kind::BFloat16 } else { Kind::Float },
            recompute: if recomputed == "blocks" { Recompute::Blocks } else { Recompute::Nothing },
            tokens: tokens.parse().unwrap(),
        }
    }

    /// A middle rank's decoder; a process by itself has no group.
    fn place(&self, whole: Decoder) -> Decoder {
        let Axes { replicate, shard, .. } = self.axes;
        if replicate * shard == 1 {
            return whole;
        }
        let group = |name: &str, size: u64| ProcessGroup::fake(name, size as usize / 2, size as usize).unwrap();
        let replica = (replicate > 1).then(|| group("replica", replicate));
        let store = Sharded::cut(&whole, group("shard", shard), replica);
        Decoder::with_store(whole.config(), Box::new(store))
    }

    fn work(&self) -> Work {
        Work {
            number_bytes: self.kind.elt_size_in_bytes() as u64,
            place: Place::Cpu,
            sequences: 2 * self.tokens / LENGTH as u64,
            longest: LENGTH as u64,
            recomputes: self.recompute == Recompute::Blocks,
            head: HeadWork::Language { chunk: CHUNK },
            ..Work::update_of(self.tokens)
        }
    }
}

/// A group of so many tokens.
fn group(tokens: u64, vocab_size: u32) -> TrajectoryGroup {
    let trajectory = |sample: u32| Trajectory {
        ids: (0..LENGTH as u32).map(|at| (at * at + 31 * sample) % vocab_size).collect(),
        targets: std::iter::once(PROMPT..LENGTH).collect(),
        rollout_logprobs: vec![-9.0; LENGTH - PROMPT],
        advantages: Advantages::Sequence(sample as f32 - 1.5),
        ..Trajectory::default()
    };
    (0..tokens as u32 / LENGTH as u32).map(trajectory).collect::<Vec<_>>().into()
}

pub(super) fn bytes(tensors: &[Tensor]) -> u64 {
    tensors.iter().map(|tensor| (tensor.numel() * tensor.kind().elt_size_in_bytes()) as u64).sum()
}

/// Bytes under a name in /proc/self/status (proc(5)).
pub(super) fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().strip_suffix(" kB").unwrap().trim().parse::<u64>().unwrap() * 1024
}

/// Asserts that a measured size is as predicted, and prints both.
fn compare(what: &str, predicted: u64, measured: u64) {
    let error = measured as f64 / predicted as f64 - 1.0;
    println!(
        "{what:<24} predicted {:>9.3} MB, measured {:>9.3} MB, {:>+6.1} %",
        predicted as f64 / 1e6,
        measured as f64 / 1e6,
        100.0 * error
    );
    assert!(error.abs() <= TOLERANCE, "{what}: predicted {predicted}, measured {measured}");
}

/// Plays the role in this process.
pub(super) fn play(role: &str) {
    let rank = Rank::parse(role);
    println!("{role}");
    let texts = Policy::load(micro_folder().path(), Placement::CPU).unwrap().texts;
    let config = config("qwen2", false);
    let placement = Placement { kind: rank.kind, ..Placement::CPU };
    // Libraries allocate at their first use.
    let square = Tensor::ones([64, 64], placement.options());
    let _ = square.mm(&square).softmax(-1, Kind::Float);
    let predicted = memory(&sizes(&config), &rank.axes, &rank.work());

    let before = status("VmRSS:");
    let decoder = rank.place(Decoder::random(&config, 0, placement));
    let schedule = ScheduleConfig { lr: 1e-3, warmup_updates: 0, ..ScheduleConfig::default() };
    let schedule = Schedule::new(schedule, 10).unwrap();
    let actor = Actor { policy: Policy { decoder, texts }, value_head: None };
    let mut learner = Learner::of(Trainable::new(actor, &AdamWConfig::default(), schedule).unwrap());
    let num_ranks = rank.axes.num_ranks() as usize;
    learner.ranks = (num_ranks > 1).then(|| Ranks::new(ProcessGroup::fake("data", num_ranks / 2, num_ranks).unwrap()));
    let held = status("VmRSS:") - before;

    let parameters: Vec<Tensor> = learner.policy.model.parameters().into_iter().map(|it| it.tensor).collect();
    let state: Vec<Tensor> = learner.policy.optimizer_state().into_iter().map(|(_, tensor)| tensor).collect();
    let state: Vec<Tensor> = state.into_iter().filter(|tensor| tensor.dim() > 0).collect();
    compare("weights", predicted.weights, bytes(&parameters));
    compare("optimizer", predicted.optimizer, bytes(&state));
    drop((parameters, state));
    if predicted.held() > 20_000_000 {
        compare("held", predicted.held(), held); // below, a megabyte of the process's own counts
    }

    let plan = UpdatePlan {
        updates_per_step: 1,
        micro_batch_tokens: rank.tokens as usize,
        head: policy::HeadOptions { temperature: 1.0, chunk: CHUNK as i64 },
        recompute: rank.recompute,
        loss: crate::loss::PolicyLossConfig::default(),
        ..plan()
    };
    // Two micro-batches: in the second, the gradients of the first are all there.
    let groups = vec![group(rank.tokens, config.vocab_size as u32); 2];
    let outcome = update(&mut learner, groups[..1].to_vec(), &plan, 0).unwrap();
    assert!(outcome.skipped.is_empty());
    drop(outcome);
    // What libraries keep from their first use is not the update's.
    let resting = status("VmRSS:");
    std::fs::write("/proc/self/clear_refs", "5").unwrap(); // the peak begins anew (proc(5))
    let _ = update(&mut learner, groups.clone(), &plan, 1).unwrap();
    let peak = status("VmHWM:") - resting + held;
    println!("the largest moment is `{}`", predicted.moment);
    if rank.kind == Kind::Float {
        compare("update", predicted.update, peak);
    }

    let device = tch::Device::Cpu;
    let batch = Minibatch::of_groups(&groups[..1], rank.tokens as usize, device).unwrap();
    let batch = batch.on(learner.ranks.as_ref(), device).unwrap();
    let _ = accumulate(&mut learner.policy.model, &batch, &plan, &mut TargetTotals::default()).unwrap();
    let gradients: Vec<Tensor> = learner.policy.model.gradients().into_iter().flatten().collect();
    compare("gradients", predicted.gradients, bytes(&gradients));
}
