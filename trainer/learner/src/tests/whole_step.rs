//! Whole GRPO and PPO steps against golden files, however the update is cut into pieces.

use std::path::{Path, PathBuf};

use policy::{HeadOptions, NamedTensors, Placement, Policy, Recompute, RewardModel};
use serde_json::Value;
use tch::Tensor;

use super::golden::{Golden, assert_close, load_json};
use crate::advantages::{AdvantageConfig, advantages};
use crate::aggregation::Aggregation;
use crate::gae::GaeConfig;
use crate::learner::Learner;
use crate::loss::ppo_clip::PpoClip;
use crate::loss::{PolicyLossConfig, PolicyLossKind};
use crate::masked_statistics::numbers;
use crate::micro_batch::Minibatch;
use crate::optimizer::adamw::AdamWConfig;
use crate::optimizer::schedule::{Schedule, ScheduleConfig};
use crate::rollout_correction::RolloutCorrection;
use crate::trainable::{Actor, Model, Trainable};
use crate::trajectory::{Advantages, Rewards, Trajectory, TrajectoryGroup};
use crate::update::{accumulate, update};
use crate::update_outcome::TargetTotals;
use crate::update_plan::{CriticPlan, OldLogprobs, UpdatePlan};
use crate::value_loss::ValueLossConfig;

const GROUP_SIZE: usize = 4;

fn golden_folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name)
}

/// The folder of a golden model with a tokenizer beside it, which the golden one has not.
fn with_tokenizer(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(golden_folder(name).join(file), folder.path().join(file)).unwrap();
    }
    let tokenizer =
        r#"{"version":"1.0","added_tokens":[],"model":{"type":"WordLevel","vocab":{"a":0},"unk_token":"a"}}"#;
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer).unwrap();
    std::fs::write(folder.path().join("chat_template.jinja"), "{{ messages[0].content }}").unwrap();
    folder
}

/// Settings of AdamW, and a schedule of the constant rate that the file has.
pub(super) fn optimizer(settings: &Value) -> (AdamWConfig, Schedule) {
    let number = |value: &Value| value.as_f64().unwrap();
    let config = AdamWConfig {
        beta1: number(&settings["betas"][0]),
        beta2: number(&settings["betas"][1]),
        eps: number(&settings["eps"]),
        weight_decay: number(&settings["weight_decay"]),
        max_gradient_norm: number(&settings["max_norm"]),
        ..AdamWConfig::default()
    };
    let schedule = ScheduleConfig { lr: number(&settings["lr"]), warmup_updates: 0, ..ScheduleConfig::default() };
    (config, Schedule::new(schedule, 10).unwrap())
}

pub(super) fn actor(value_head: bool) -> Actor {
    let policy = Policy::load(with_tokenizer("models/qwen2").path(), Placement::CPU).unwrap();
    let value_head = value_head.then(|| critic_model().head);
    Actor { policy, value_head }
}

fn critic_model() -> RewardModel {
    RewardModel::load(with_tokenizer("reward_model").path(), Placement::CPU).unwrap()
}

/// A batch of two groups of four completions, with a tool's tokens in the middle of one.
pub(super) struct Batch {
    golden: Golden,
    starts: Vec<usize>,
}

impl Batch {
    pub(super) fn load() -> Self {
        let golden = Golden::load("update/batch");
        let starts = Vec::<i64>::try_from(golden.get("cu_seqlens")).unwrap();
        Self { golden, starts: starts.into_iter().map(|start| start as usize).collect() }
    }

    /// Numbers of a tensor by token, at the targets of completion `index`.
    fn at_targets(&self, values: &Tensor, index: usize) -> Vec<f32> {
        let mask = numbers(self.golden.get("mask"));
        let values = numbers(values);
        let range = self.starts[index]..self.starts[index + 1];
        range.filter(|place| mask[*place] != 0.0).map(|place| values[place] as f32).collect()
    }

    pub(super) fn trajectories(&self) -> Vec<Vec<Trajectory>> {
        let ids = Vec::<i64>::try_from(self.golden.get("input_ids")).unwrap();
        let mask = numbers(self.golden.get("mask"));
        let rewards = numbers(self.golden.get("rewards"));
        let trajectory = |index: usize| {
            let (start, end) = (self.starts[index], self.starts[index + 1]);
            let mut targets: Vec<std::ops::Range<usize>> = Vec::new();
            for place in (0..end - start).filter(|place| mask[start + place] != 0.0) {
                match targets.last_mut() {
                    Some(range) if range.end == place => range.end += 1,
                    _ => targets.push(place..place + 1),
                }
            }
            Trajectory {
                ids: ids[start..end].iter().map(|id| *id as u32).collect(),
                targets,
                rollout_logprobs: self.at_targets(self.golden.get("rollout_logprobs"), index),
                reference_logprobs: Some(self.at_targets(self.golden.get("reference_logprobs"), index)),
                rewards: Rewards::Outcome(rewards[index] as f32),
                ..Trajectory::default()
            }
        };
        let all: Vec<Trajectory> = (0..self.starts.len() - 1).map(trajectory).collect();
        assert!(
            all.iter().any(|trajectory| trajectory.targets.len() == 2),
            "a tool's tokens stand in the middle of one"
        );
        all.chunks(GROUP_SIZE).map(<[Trajectory]>::to_vec).collect()
    }
}

fn as_groups(groups: Vec<Vec<Trajectory>>) -> Vec<TrajectoryGroup> {
    groups.into_iter().map(TrajectoryGroup::from).collect()
}

/// Cuts of the same work.
fn cuts() -> Vec<(usize, i64, Recompute)> {
    let mut cuts = Vec::new();
    for recompute in [Recompute::Nothing, Recompute::Blocks] {
        cuts.extend([(1 << 20, 1 << 20, recompute), (64, 7, recompute), (1, 1, recompute), (40, 1 << 20, recompute)]);
    }
    cuts
}

pub(super) fn plan(loss: PolicyLossConfig, old_logprobs: OldLogprobs, cut: (usize, i64, Recompute)) -> UpdatePlan {
    UpdatePlan {
        updates_per_step: 1,
        micro_batch_tokens: cut.0,
        head: HeadOptions { temperature: 1.0, chunk: cut.1 },
        recompute: cut.2,
        old_logprobs,
        loss,
        critic: None,
    }
}

fn clip(low: f64, high: f64) -> PolicyLossConfig {
    PolicyLossConfig::of_kind(PolicyLossKind::PpoClip(PpoClip { clip_low: low, clip_high: high, ..PpoClip::default() }))
}

/// Advantages, loss and old logprobs of a GRPO case of the golden files.
pub(super) fn grpo_case(name: &str) -> (AdvantageConfig, PolicyLossConfig, OldLogprobs) {
    let group_std = AdvantageConfig::default();
    match name {
        "dapo" => (group_std, clip(0.2, 0.28), OldLogprobs::Rollout),
        "dr_grpo" => {
            let loss = PolicyLossConfig { aggregation: Aggregation::Constant { length: 12 }, ..clip(0.2, 0.2) };
            (AdvantageConfig::GroupMean, loss, OldLogprobs::Rollout)
        }
        _ => {
            let correction = RolloutCorrection::Tis { cap: 2.0 };
            let loss = PolicyLossConfig { rollout_correction: correction, kl_coefficient: 0.01, ..clip(0.2, 0.28) };
            (group_std, loss, OldLogprobs::Recompute)
        }
    }
}

/// Names and values of a model's parts in a checkpoint.
pub(super) fn parts(model: &impl Model, of: impl Fn(usize) -> Tensor) -> NamedTensors {
    model.parameters().iter().enumerate().flat_map(|(place, parameter)| parameter.split(&of(place))).collect()
}

/// Compares what the golden file holds of these parts under `PREFIX.NAME`; returns how many there were.
pub(super) fn compare(golden: &Golden, prefix: &str, parts: &NamedTensors, atol: f64, rtol: f64) -> usize {
    let mut compared = 0;
    for (name, tensor) in parts {
        if let Some(expected) = golden.find(&format!("{prefix}.{name}")) {
            assert_close(&format!("{prefix}.{name}"), tensor, expected, atol, rtol);
            compared += 1;
        }
    }
    compared
}

#[test]
fn grpo_steps_equal_their_golden_values_however_they_are_cut() {
    let settings = load_json("update/grpo");
    let batch = Batch::load();
    for name in ["dapo", "dr_grpo", "recompute"] {
        let (golden, settings) = (Golden::load(&format!("update/{name}")), &settings[name]);
        let (advantage, loss, old_logprobs) = grpo_case(name);
        let mut groups = batch.trajectories();
        let outcome = |trajectory: &Trajectory| trajectory.token_rewards().last().copied().unwrap();
        let rewards: Vec<Vec<f32>> = groups.iter().map(|group| group.iter().map(outcome).collect()).collect();
        let advantages = advantages(&rewards, &advantage).unwrap();
        let flat: Vec<f32> = advantages.concat();
        assert_close("advantages", &Tensor::from_slice(&flat), golden.get("advantages"), 2e-6, 1e-6);
        for (group, advantages) in groups.iter_mut().zip(&advantages) {
            for (trajectory, advantage) in group.iter_mut().zip(advantages) {
                trajectory.advantages = Advantages::Sequence(*advantage);
            }
        }
        let mut first_gradients: Option<NamedTensors> = None;
        for cut in cuts() {
            let plan = plan(loss.clone(), old_logprobs, cut);
            let what = format!("{name} {cut:?}");
            // The gradient before it is clipped.
            let mut prepared = groups.clone();
            for trajectory in prepared.iter_mut().flatten() {
                trajectory.old_logprobs =
                    (old_logprobs == OldLogprobs::Rollout).then(|| trajectory.rollout_logprobs.clone());
            }
            let mut model = actor(false);
            let minibatch = Minibatch::new(prepared.iter().flatten(), cut.0, tch::Device::Cpu).unwrap();
            let (gradient_loss, logprobs) =
                accumulate(&mut model, &minibatch, &plan, &mut TargetTotals::default()).unwrap();
            assert!((gradient_loss - settings["loss"].as_f64().unwrap()).abs() <= 1e-6, "{what}: loss {gradient_loss}");
            let gradients = model.gradients();
            let gradients = parts(&model, |place| gradients[place].as_ref().unwrap().copy());
            let compared = compare(&golden, "gradient", &gradients, 1e-6, 1e-4);
            assert!(name == "dr_grpo" || compared >= 3, "{what}: {compared} gradients");
            match &first_gradients {
                None => first_gradients = Some(gradients),
                Some(first) => {
                    let total = |parts: &NamedTensors| {
                        let squares = parts.iter().map(|(_, tensor)| tensor.norm().double_value(&[]).powi(2));
                        squares.sum::<f64>().sqrt()
                    };
                    let differences: NamedTensors =
                        first.iter().zip(&gradients).map(|((name, a), (_, b))| (name.clone(), a - b)).collect();
                    let relative = total(&differences) / total(first);
                    assert!(relative <= 1e-6, "{what}: gradients differ by {relative}");
                }
            }
            for (index, logprobs) in logprobs.iter().enumerate() {
                let expected = batch.at_targets(batch.golden.get("policy_logprobs"), index);
                assert_close(&what, &Tensor::from_slice(logprobs), &Tensor::from_slice(&expected), 1e-5, 0.0);
            }

            // Two steps on the batch, the old policy unchanged.
            let (adamw, schedule) = optimizer(&settings["adamw"]);
            let mut learner = Learner::of(Trainable::new(actor(false), &adamw, schedule).unwrap());
            let mut next = groups.clone();
            // The reference's logprobs are given: the model itself is not there.
            learner.reference = (loss.kl_coefficient != 0.0).then(|| actor(false).policy.decoder);
            let steps = [(0, ""), (1, "second.")];
            let num_steps = if settings.get("second_loss").is_some() { 2 } else { 1 };
            for (step, prefix) in steps.into_iter().take(num_steps) {
                let outcome = update(&mut learner, as_groups(next), &plan, step).unwrap();
                let policy = outcome.policy.unwrap();
                let key = |key: &str| format!("{}{key}", prefix.replace('.', "_"));
                let expected = |name: &str| settings[key(name)].as_f64().unwrap();
                assert!((policy.loss - expected("loss")).abs() <= 1e-6, "{what}: {prefix}loss {}", policy.loss);
                let norm = expected("gradient_norm");
                assert!((policy.gradient_norm - norm).abs() <= 1e-4 * norm, "{what}: norm {}", policy.gradient_norm);
                if old_logprobs == OldLogprobs::Recompute && step == 0 {
                    assert_eq!(policy.loss_metrics.ratio_max, 1.0, "{what}: the first minibatch's ratios are 1");
                    assert_eq!(policy.loss_metrics.approximate_kl, 0.0, "{what}");
                }
                let model = &learner.policy.model;
                let parameters = model.parameters();
                let values = parts(model, |place| parameters[place].tensor.copy());
                let compared = compare(&golden, &format!("{prefix}parameter"), &values, 2e-6, 0.0);
                assert!(compared >= 2, "{what}: {compared} parameters");
                let mut trajectories = outcome.trajectories;
                for (trajectory, logprobs) in trajectories.iter_mut().zip(outcome.policy_logprobs) {
                    trajectory.old_logprobs.get_or_insert(logprobs);
                }
                next = trajectories.chunks(GROUP_SIZE).map(<[Trajectory]>::to_vec).collect();
            }
        }
    }
}

fn critic_plan(settings: &Value) -> CriticPlan {
    let number = |key: &str| settings[key].as_f64().unwrap();
    CriticPlan {
        gae: GaeConfig { gamma: number("gamma"), lambda: number("lambda"), whiten: true },
        lambda: number("lambda"),
        value_loss: ValueLossConfig { clip: Some(number("value_clip")) },
        updates_per_step: 1,
        pretrain_steps: 0,
        coefficient: number("value_coefficient"),
    }
}

#[test]
fn ppo_steps_equal_their_golden_values_however_they_are_cut() {
    let (golden, settings) = (Golden::load("update/ppo"), load_json("update/ppo"));
    let batch = Batch::load();
    let mut groups = batch.trajectories();
    for (index, trajectory) in groups.iter_mut().flatten().enumerate() {
        trajectory.rewards = Rewards::Tokens(batch.at_targets(golden.get("token_rewards"), index));
        trajectory.old_values = Some(batch.at_targets(golden.get("old_values"), index));
    }
    for shared in [false, true] {
        for cut in cuts() {
            let what = format!("shared {shared} {cut:?}");
            let mut plan = plan(clip(0.2, 0.2), OldLogprobs::Rollout, cut);
            plan.critic = Some(critic_plan(&settings));
            let of_policy = &settings[if shared { "shared" } else { "policy" }];
            let (adamw, schedule) = optimizer(&of_policy["adamw"]);
            let mut learner = Learner::of(Trainable::new(actor(shared), &adamw, schedule).unwrap());
            if !shared {
                let (adamw, schedule) = optimizer(&settings["critic"]["adamw"]);
                learner.critic = Some(Trainable::new(critic_model(), &adamw, schedule).unwrap());
            }
            let outcome = update(&mut learner, as_groups(groups.clone()), &plan, 0).unwrap();
            let (policy, critic) = (outcome.policy.unwrap(), outcome.critic.unwrap());
            let close = |what: &str, ours: f64, expected: &Value, rtol: f64| {
                let expected = expected.as_f64().unwrap();
                assert!((ours - expected).abs() <= 2e-6 + rtol * expected.abs(), "{what}: {ours}, not {expected}");
            };
            close(&what, policy.loss, &of_policy["loss"], 1e-6);
            close(&what, policy.gradient_norm, &of_policy["gradient_norm"], 1e-4);
            let parameters = learner.policy.model.parameters();
            let values = parts(&learner.policy.model, |place| parameters[place].tensor.copy());
            let prefix = if shared { "shared.parameter" } else { "policy.parameter" };
            assert!(compare(&golden, prefix, &values, 2e-6, 0.0) >= 2, "{what}");
            let clip_fraction = critic.clip_fraction.unwrap();
            assert!((0.0..=1.0).contains(&clip_fraction), "{what}: {clip_fraction}");
            let Some(trained) = &learner.critic else { continue };
            close(&what, critic.loss.unwrap(), &settings["critic"]["loss"], 1e-5);
            close(&what, critic.gradient_norm.unwrap(), &settings["critic"]["gradient_norm"], 1e-4);
            close(&what, critic.explained_variance.unwrap(), &settings["explained_variance"], 1e-5);
            let parameters = trained.model.parameters();
            let values = parts(&trained.model, |place| parameters[place].tensor.copy());
            assert!(compare(&golden, "critic.parameter", &values, 2e-6, 0.0) >= 3, "{what}");
            for (index, trajectory) in outcome.trajectories.iter().enumerate() {
                let check = |name: &str, ours: &[f32], atol: f64| {
                    let expected = batch.at_targets(golden.get(name), index);
                    assert_close(name, &Tensor::from_slice(ours), &Tensor::from_slice(&expected), atol, 1e-5);
                };
                check("returns", trajectory.returns.as_ref().unwrap(), 2e-5);
                check("whitened", &trajectory.token_advantages(), 1e-5);
            }
        }
    }
}

#[test]
fn a_critic_s_values_equal_their_golden_values() {
    let (golden, batch) = (Golden::load("update/ppo"), Batch::load());
    let mut plan = plan(clip(0.2, 0.2), OldLogprobs::Rollout, (64, 7, Recompute::Nothing));
    plan.critic = Some(critic_plan(&load_json("update/ppo")));
    let mut learner = Learner::of(Trainable::frozen(actor(false)));
    learner.critic = Some(Trainable::frozen(critic_model()));
    let mut groups = as_groups(batch.trajectories());
    crate::critic::estimate(&learner, &mut groups, &plan, plan.critic.as_ref().unwrap()).unwrap();
    for (index, trajectory) in groups.iter().flat_map(|group| &group.trajectories).enumerate() {
        let expected = batch.at_targets(golden.get("values"), index);
        let ours = Tensor::from_slice(trajectory.old_values.as_ref().unwrap());
        assert_close("values", &ours, &Tensor::from_slice(&expected), 1e-5, 1e-6);
    }
}
