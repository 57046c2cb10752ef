//! A micro model in bfloat16 with its critic, its reference, and groups of trajectories to learn from.

use std::ops::Range;
use std::path::Path;

use policy::{
    CHAT_TEMPLATE, Decoder, HeadOptions, LanguageHead, ModelConfig, Packed, Placement, Policy, Recompute, RewardModel,
    ScalarHead, outputs, train_tokenizer, write_folder,
};
use tch::{Device, Kind, Tensor, no_grad};
use tempfile::TempDir;

use crate::gae::GaeConfig;
use crate::kl::KlEstimator;
use crate::learner::Learner;
use crate::loss::PolicyLossConfig;
use crate::optimizer::adamw::AdamWConfig;
use crate::optimizer::schedule::{Schedule, ScheduleConfig};
use crate::rollout_correction::RolloutCorrection;
use crate::trainable::{Actor, Model, Trainable};
use crate::trajectory::{Advantages, Rewards, Trajectory, TrajectoryGroup};
use crate::update_plan::{CriticPlan, OldLogprobs, UpdatePlan};
use crate::value_loss::ValueLossConfig;

pub(super) const BFLOAT16: Placement = Placement { device: Device::Cpu, kind: Kind::BFloat16 };

/// Largest relative change of a number that is rounded to bfloat16 once.
pub(super) const ROUNDING: f64 = 1.0 / 512.0;

/// A folder with a model of two blocks and random weights, rounded to bfloat16.
pub(super) fn micro_folder() -> TempDir {
    micro_folder_of("qwen2", &serde_json::json!({}))
}

/// The same of a family, with other fields in its configuration.
pub(super) fn micro_folder_of(model_type: &str, others: &serde_json::Value) -> TempDir {
    let mut json = serde_json::json!({
        "model_type": model_type, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "vocab_size": 272,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 96, "rms_norm_eps": 1e-6,
        "rope_theta": 1e4, "initializer_range": 0.1, "eos_token_id": 2,
    });
    for (field, value) in others.as_object().unwrap() {
        json[field] = value.clone();
    }
    let decoder = Decoder::random(&ModelConfig::from_json(&json).unwrap(), 5, BFLOAT16);
    let tokenizer = train_tokenizer(["one two three"].into_iter(), 261).unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_folder(folder.path(), &decoder, &tokenizer, CHAT_TEMPLATE, "<|im_end|>").unwrap();
    folder
}

fn trainable<M: Model>(model: M) -> Trainable<M> {
    // Large steps, so that what differs is seen.
    let schedule = ScheduleConfig { lr: 1e-3, warmup_updates: 0, ..ScheduleConfig::default() };
    Trainable::new(model, &AdamWConfig::default(), Schedule::new(schedule, 100).unwrap()).unwrap()
}

/// The policy of a folder, in training.
pub(super) fn actor(folder: &Path, placement: Placement) -> Trainable<Actor> {
    trainable(Actor { policy: Policy::load(folder, placement).unwrap(), value_head: None })
}

/// The policy of a folder with a critic's head on its trunk, in training.
pub(super) fn shared_trunk(folder: &Path, value_head: ScalarHead) -> Trainable<Actor> {
    trainable(Actor { policy: Policy::load(folder, BFLOAT16).unwrap(), value_head: Some(value_head) })
}

/// The critic of a folder, in training.
pub(super) fn critic(folder: &Path) -> Trainable<RewardModel> {
    trainable(RewardModel::load_any(folder, BFLOAT16).unwrap())
}

/// A policy in training, and its reference, of the same weights.
pub(super) fn learner(folder: &Path, placement: Placement) -> Learner {
    let reference = Policy::load(folder, placement).unwrap().decoder;
    Learner { reference: Some(reference), ..Learner::of(actor(folder, placement)) }
}

/// GRPO's update in two minibatches, with a KL term and a correction for the rollout.
pub(super) fn plan() -> UpdatePlan {
    UpdatePlan {
        updates_per_step: 2,
        micro_batch_tokens: 40,
        head: HeadOptions { temperature: 0.9, chunk: 7 },
        recompute: Recompute::Nothing,
        old_logprobs: OldLogprobs::Recompute,
        loss: PolicyLossConfig {
            rollout_correction: RolloutCorrection::Tis { cap: 2.0 },
            kl_coefficient: 0.01,
            kl_estimator: KlEstimator::K3,
            ..PolicyLossConfig::default()
        },
        critic: None,
    }
}

/// A critic with weights of its own.
pub(super) fn critic_plan() -> CriticPlan {
    CriticPlan {
        gae: GaeConfig::default(),
        lambda: 1.0,
        value_loss: ValueLossConfig { clip: Some(0.2) },
        updates_per_step: 2,
        pretrain_steps: 0,
        coefficient: 1.0,
    }
}

/// Logprobs of a trajectory's targets under a decoder that sees nothing else.
fn logprobs_alone(decoder: &Decoder, ids: &[u32], targets: &[Range<usize>]) -> Vec<f32> {
    let batch = Packed::new(&[(ids, targets)], decoder.device());
    let output = outputs(decoder, &LanguageHead::new(decoder, plan().head), &batch);
    Vec::try_from(output.logprobs()).unwrap()
}

/// Four groups of three trajectories, the second of each with a tool's tokens in its middle; `salt` tells batches
/// apart. The decoder stands for the engine that sampled them.
pub(super) fn groups(rollout: &Decoder, salt: u32) -> Vec<TrajectoryGroup> {
    let trajectory = |group: u32, sample: u32| {
        let length = 9 + (group * 5 + sample * 7 + salt) % 11;
        let ids: Vec<u32> = (0..length).map(|at| (at * at + 31 * group + 17 * sample + 7 * salt) % 272).collect();
        let tool = if sample == 1 { 5..7 } else { 5..5 };
        let targets = vec![3..tool.start, tool.end..ids.len()];
        let advantage = [1.0, -0.75, 0.25][sample as usize] * (1.0 + group as f32 / 4.0);
        Trajectory {
            rollout_logprobs: logprobs_alone(rollout, &ids, &targets),
            advantages: Advantages::Sequence(advantage),
            rewards: Rewards::Outcome(advantage),
            ids,
            targets,
            ..Trajectory::default()
        }
    };
    (0..4).map(|group| (0..3).map(|sample| trajectory(group, sample)).collect::<Vec<_>>().into()).collect()
}

/// Groups that the model of a folder sampled in float32: what remains is the rounding of training.
pub(super) fn groups_of(folder: &Path, salt: u32) -> Vec<TrajectoryGroup> {
    groups(&Policy::load(folder, Placement::CPU).unwrap().decoder, salt)
}

/// The trajectories of groups, in their order.
pub(super) fn trajectories(groups: &[TrajectoryGroup]) -> impl Iterator<Item = &Trajectory> {
    groups.iter().flat_map(|group| &group.trajectories)
}

/// Names and values of a model's weights and its optimizer's state.
pub(super) fn state<M: Model>(trainable: &Trainable<M>) -> Vec<(String, Tensor)> {
    let weights = trainable.model.parameters().into_iter().map(|parameter| (parameter.name, parameter.tensor.copy()));
    weights.chain(trainable.optimizer_state().into_iter().map(|(name, tensor)| (name, tensor.copy()))).collect()
}

pub(super) fn assert_same_bits(one: &[(String, Tensor)], other: &[(String, Tensor)]) {
    assert_eq!(one.len(), other.len());
    for ((name, one), (other_name, other)) in one.iter().zip(other) {
        assert!(name == other_name && one.kind() == other.kind() && one.equal(other), "{name} differs");
    }
}

/// Norm of `a - b` over the norm of `b`, in float64.
pub(super) fn distance(a: &Tensor, b: &Tensor) -> f64 {
    let (a, b) = (a.to_kind(Kind::Double), b.to_kind(Kind::Double));
    no_grad(|| (a - &b).norm().double_value(&[]) / b.norm().double_value(&[]))
}
