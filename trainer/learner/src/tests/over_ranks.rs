//! Updates over ranks, held against those of one process that has the whole batch.

use policy::dist::ProcessGroup;
use policy::{Decoder, NamedTensors, Placement, Policy, Recompute, RewardModel, ScalarHead, part_of_name};
use serde_json::Value;
use tch::Tensor;
use tempfile::TempDir;

use super::bf16_model::{critic_plan, groups_of, micro_folder, micro_folder_of, plan};
use super::ranks::succeed;
use super::role::Seat;
use crate::dealing::{Deal, SequenceCost};
use crate::learner::Learner;
use crate::loss::PolicyLossKind;
use crate::loss::gspo::Gspo;
use crate::micro_batch::Minibatch;
use crate::optimizer::adamw::AdamWConfig;
use crate::optimizer::schedule::{Schedule, ScheduleConfig};
use crate::trainable::{Actor, Model, Trainable};
use crate::trajectory::{Advantages, TrajectoryGroup};
use crate::update::{accumulate, update};
use crate::update_outcome::TargetTotals;
use crate::update_plan::{CriticPlan, UpdatePlan};

#[test]
fn one_rank_is_a_process_by_itself() {
    succeed("updates 1x1x1x1", 1);
}

#[test]
fn two_replicas_are_one_process() {
    succeed("updates 2x1x1x1", 2);
}

#[test]
fn two_shards_are_one_process() {
    succeed("updates 1x2x1x1", 2);
}

#[test]
fn four_replicas_are_one_process() {
    succeed("updates 4x1x1x1", 4);
}

#[test]
fn four_shards_are_one_process() {
    succeed("updates 1x4x1x1", 4);
}

#[test]
fn two_by_two_ranks_are_one_process() {
    succeed("updates 2x2x1x1", 4);
}

#[test]
fn two_shares_of_a_model_are_one_process() {
    succeed("updates 1x1x1x2", 2);
}

#[test]
fn four_shares_of_a_model_with_two_key_value_heads_are_one_process() {
    succeed("updates 1x1x1x4", 4);
}

#[test]
fn two_shards_of_two_shares_are_one_process() {
    succeed("updates 1x2x1x2", 4);
}

#[test]
fn two_replicas_of_two_shares_are_one_process() {
    succeed("updates 2x1x1x2", 4);
}

#[test]
fn two_stretches_of_every_micro_batch_are_one_process() {
    succeed("updates 1x1x2x1", 2);
}

#[test]
fn four_stretches_of_every_micro_batch_are_one_process() {
    succeed("updates 1x1x4x1", 4);
}

#[test]
fn two_shards_of_two_stretches_are_one_process() {
    succeed("updates 1x2x2x1", 4);
}

#[test]
fn two_shares_of_two_stretches_are_one_process() {
    succeed("updates 1x1x2x2", 4);
}

/// What is trained beside the policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Critic {
    None,
    Own,
    OnTheTrunk,
}

/// A learner of the models of a folder; `placed` says where a decoder's weights are.
pub(super) fn learner(folder: &std::path::Path, critic: Critic, placed: impl Fn(Decoder) -> Decoder) -> Learner {
    // The first step of a parameter is g / (|g| + eps): with a small eps, rounding in a gradient near 0 moves it.
    let adamw = AdamWConfig { eps: 1e-5, ..AdamWConfig::default() };
    let schedule = || {
        let config = ScheduleConfig { lr: 1e-3, warmup_updates: 0, ..ScheduleConfig::default() };
        Schedule::new(config, 100).unwrap()
    };
    let load = || {
        let policy = Policy::load(folder, Placement::CPU).unwrap();
        give_biases(&policy.decoder);
        policy
    };
    let Policy { decoder, texts } = load();
    let hidden_size = decoder.config().hidden_size;
    let value_head = (critic == Critic::OnTheTrunk).then(|| ScalarHead::zeros(hidden_size, tch::Device::Cpu));
    let actor = Actor { policy: Policy { decoder: placed(decoder), texts }, value_head };
    let mut learner = Learner::of(Trainable::new(actor, &adamw, schedule()).unwrap());
    learner.reference = Some(placed(load().decoder));
    if critic == Critic::Own {
        let mut model = RewardModel::load_any(folder, Placement::CPU).unwrap();
        give_biases(&model.decoder);
        model.decoder = placed(model.decoder);
        learner.critic = Some(Trainable::new(model, &adamw, schedule()).unwrap());
    }
    learner
}

/// Biases of a random model are 0, so that their norm would be that of their updates, rounding and all.
fn give_biases(decoder: &Decoder) {
    for (_, mut tensor) in decoder.state().into_iter().filter(|(name, _)| name.ends_with("bias")) {
        let values = Tensor::arange(tensor.numel() as i64, tch::kind::FLOAT_CPU).sin() * 0.1;
        tch::no_grad(|| tensor.copy_(&values));
    }
}

pub(super) fn plan_of(critic: Critic, recompute: Recompute) -> UpdatePlan {
    let mut plan = UpdatePlan { recompute, ..plan() };
    if critic != Critic::None {
        let mut critic = critic_plan();
        critic.gae.whiten = true;
        plan.critic = Some(CriticPlan { coefficient: 0.5, ..critic });
    }
    plan
}

/// The groups of a step: whole ones with masked sequences, two trajectories for all ranks, and a batch in which the
/// loss of the second minibatch is not finite.
pub(super) fn groups(folder: &std::path::Path, step: u64) -> Vec<TrajectoryGroup> {
    let mut groups = groups_of(folder, step as u32);
    groups[1].num_masked = 2;
    match step {
        1 => {
            groups.truncate(1);
            groups[0].trajectories.truncate(2);
        }
        2 => {
            let last = groups[3].trajectories.last_mut().unwrap();
            last.advantages = Advantages::Sequence(f32::INFINITY);
            last.rewards = crate::trajectory::Rewards::Outcome(f32::INFINITY);
        }
        _ => {}
    }
    groups
}

/// Names and weights of all that is trained.
fn weights(learner: &Learner) -> NamedTensors {
    let mut weights = learner.policy.model.policy.decoder.state();
    let heads = [learner.policy.model.value_head.as_ref(), learner.critic.as_ref().map(|critic| &critic.model.head)];
    weights.extend(heads.into_iter().flatten().map(|head| ("head".to_owned(), head.parameter().tensor)));
    weights.extend(learner.critic.iter().flat_map(|critic| critic.model.decoder.state()));
    weights
}

pub(super) fn json(figures: &impl serde::Serialize) -> Value {
    serde_json::to_value(figures).unwrap()
}

/// Asserts that the numbers of two JSON values agree to 1e-5, and all else is the same.
pub(super) fn assert_agree(what: &str, one: &Value, other: &Value) {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() <= 1e-5 * a.abs().max(1.0), "{what}: {b}, and {a} of one process");
        }
        (Value::Object(a), Value::Object(b)) => {
            assert!(a.keys().eq(b.keys()), "{what}");
            a.iter().for_each(|(key, value)| assert_agree(&format!("{what}.{key}"), value, &b[key]));
        }
        _ => assert_eq!(one, other, "{what}"),
    }
}

/// Number of elements of parameters, gradients and moments that a rank holds.
fn num_held(actor: &Trainable<Actor>) -> usize {
    let numel = |tensors: &[Tensor]| tensors.iter().map(Tensor::numel).sum::<usize>();
    let parameters: Vec<Tensor> = actor.model.parameters().into_iter().map(|parameter| parameter.tensor).collect();
    let gradients: Vec<Tensor> = actor.model.gradients().into_iter().map(Option::unwrap).collect();
    let moments: Vec<Tensor> = actor.optimizer_state().into_iter().map(|(_, tensor)| tensor).collect();
    let moments = moments.into_iter().filter(|tensor| tensor.dim() > 0).collect::<Vec<_>>();
    assert_eq!((numel(&gradients), numel(&moments)), (numel(&parameters), 2 * numel(&parameters)));
    numel(&parameters) + numel(&gradients) + numel(&moments)
}

/// Of a step's groups those that fall to a rank.
pub(super) fn dealt(
    seat: &Seat,
    groups: Vec<TrajectoryGroup>,
    plan: &UpdatePlan,
    cost: SequenceCost,
) -> Vec<TrajectoryGroup> {
    Deal::new(&groups, plan.updates_per_step, seat.num_ranks(), cost).split(groups).swap_remove(seat.rank())
}

/// Gathers the gradient of this rank's groups, as one minibatch.
pub(super) fn gather_gradient(learner: &mut Learner, groups: &[TrajectoryGroup], plan: &UpdatePlan) {
    let device = tch::Device::Cpu;
    let batch = Minibatch::of_groups(groups, plan.micro_batch_tokens, device).unwrap();
    let mut batch = batch.on(learner.ranks.as_ref(), device).unwrap();
    for micro_batch in &mut batch.micro_batches {
        micro_batch.reference_logprobs = Some(micro_batch.rollout_logprobs.shallow_clone());
    }
    let _ = accumulate(&mut learner.policy.model, &batch, plan, &mut TargetTotals::default()).unwrap();
}

/// Elements of the update's state, with the gradient of a minibatch.
fn held_in_an_update(learner: &mut Learner, groups: &[TrajectoryGroup], plan: &UpdatePlan) -> usize {
    gather_gradient(learner, groups, plan);
    let held = num_held(&learner.policy);
    learner.policy.model.clear_gradients();
    held
}

pub(super) fn play(seat: &Seat) {
    // Neither divides by 2.
    let others = serde_json::json!({"tie_word_embeddings": true, "vocab_size": 273, "intermediate_size": 47});
    let folders = [micro_folder(), micro_folder_of("qwen3", &others)];
    let [untied, tied] = folders.each_ref().map(TempDir::path);
    let cases = [
        (untied, Critic::None, Recompute::Blocks),
        (untied, Critic::Own, Recompute::Nothing),
        (untied, Critic::OnTheTrunk, Recompute::Blocks),
        (tied, Critic::None, Recompute::Nothing),
    ];
    // Every block of every pass is an exchange where a model or its tokens are shared: of four ranks fewer cases do.
    let num_skipped = if seat.layout.context * seat.layout.tensor == 4 { 2 } else { 0 };
    for (folder, critic, recompute) in cases.into_iter().skip(num_skipped) {
        let model = if folder == tied { "tied qwen3" } else { "qwen2" };
        let what = format!("{model} {critic:?} {recompute:?} rank {}", seat.rank());
        let mut plan = plan_of(critic, recompute);
        if folder == tied {
            plan.loss.kind = PolicyLossKind::Gspo(Gspo::default()); // a token's loss depends on others
        }
        let mut one = learner(folder, critic, |decoder| decoder);
        let mut many = learner(folder, critic, |decoder| seat.cut(&decoder));
        many.ranks = Some(seat.ranks());
        let cost = SequenceCost::of(one.policy.model.policy.decoder.config());
        let mine = |groups: Vec<TrajectoryGroup>| dealt(seat, groups, &plan, cost);
        if critic == Critic::None {
            let whole = held_in_an_update(&mut one, &groups(folder, 0), &plan);
            let held = held_in_an_update(&mut many, &mine(groups(folder, 0)), &plan);
            let share = held as f64 * (seat.layout.shard * seat.layout.tensor) as f64 / whole as f64;
            // Four ranks that share two key-value heads hold each twice.
            let bound = if seat.layout.tensor == 4 { 0.2 } else { 0.1 };
            assert!((share - 1.0).abs() <= bound, "{what}: {held} of {whole} elements");
        }
        for step in 0..3 {
            let what = format!("{what} step {step}");
            let expected = update(&mut one, groups(folder, step), &plan, step).unwrap();
            let outcome = update(&mut many, mine(groups(folder, step)), &plan, step).unwrap();
            assert_eq!(outcome.skipped_in_a_row, expected.skipped_in_a_row, "{what}");
            assert_eq!(outcome.skipped.len(), expected.skipped.len(), "{what}");
            assert_eq!(step == 2, !outcome.skipped.is_empty(), "{what}");
            assert_agree(&what, &json(&expected.policy), &json(&outcome.policy));
            assert_agree(&what, &json(&expected.critic), &json(&outcome.critic));
            for (trajectory, logprobs) in outcome.trajectories.iter().zip(&outcome.policy_logprobs) {
                assert_eq!(trajectory.num_targets(), logprobs.len(), "{what}");
            }
            seat.assert_copies_alike(&what, &many.policy.model.policy.decoder);
            assert_same_weights(&what, &many, &one);
        }
        if critic == Critic::OnTheTrunk {
            check_saved(seat, folder, &many.policy);
        }
    }
    check_refusals(seat, untied);
}

/// Asserts that each weight of what is trained agrees to 1e-5 of its norm.
pub(super) fn assert_same_weights(what: &str, many: &Learner, one: &Learner) {
    for ((name, ours), (_, expected)) in weights(many).iter().zip(weights(one)) {
        let difference = (ours - &expected).norm().double_value(&[]);
        let size = expected.norm().double_value(&[]);
        assert!(difference <= 1e-5 * size, "{what}: {name} differs by {difference} of {size}");
    }
}

/// Saves the policy and its optimizer into a folder that all ranks see.
pub(super) fn save(seat: &Seat, everyone: &ProcessGroup, folder: &std::path::Path, many: &Trainable<Actor>) {
    if let Some((rank, num_ranks)) = seat.writes() {
        many.model.policy.save_pieces(folder, rank, num_ranks).unwrap();
        many.save_optimizer(folder, "optimizer", rank, num_ranks).unwrap();
    }
    everyone.barrier().unwrap();
    if everyone.rank() == 0 {
        let num_ranks = (seat.layout.shard * seat.layout.tensor) as usize;
        many.model.policy.save_pieces_index(folder, num_ranks).unwrap();
    }
    everyone.barrier().unwrap();
}

/// What the ranks save is what one process loads, and what they load themselves, bit for bit.
fn check_saved(seat: &Seat, start: &std::path::Path, many: &Trainable<Actor>) {
    let everyone = seat.everyone();
    let mine = tempfile::tempdir().unwrap();
    let paths = everyone.all_gather_bytes(mine.path().to_str().unwrap().as_bytes()).unwrap();
    let folder = std::path::PathBuf::from(String::from_utf8(paths[0].clone()).unwrap());
    save(seat, &everyone, &folder, many);
    let loaded = |placed: &dyn Fn(Decoder) -> Decoder| {
        let mut actor = learner(start, Critic::OnTheTrunk, placed).policy;
        actor.model.policy.decoder.load_weights(&folder).unwrap();
        actor.load_optimizer(&folder, "optimizer").unwrap();
        actor
    };
    let (again, alone) = (loaded(&|decoder| seat.cut(&decoder)), loaded(&|decoder| decoder));
    let expected = many.model.policy.decoder.state();
    for decoder in [&again.model.policy.decoder, &alone.model.policy.decoder] {
        for ((name, ours), (_, expected)) in decoder.state().iter().zip(&expected) {
            assert!(ours.equal(expected), "{name} is another");
        }
    }
    let whole = alone.optimizer_state();
    let saved = many.optimizer_state();
    assert!(saved.len() > 3 && saved.iter().any(|(name, _)| name == "exp_avg.score.weight"));
    for ((name, saved), (again_name, again)) in saved.iter().zip(again.optimizer_state()) {
        assert!(*name == again_name && saved.equal(&again), "{name} is another");
        let (part, range) = part_of_name(name);
        let (_, whole) = whole.iter().find(|(name, _)| name == part).unwrap();
        let expected = match range.filter(|_| saved.dim() > 0) {
            Some(range) => whole.reshape([-1]).narrow(0, range.start, range.end - range.start),
            None => whole.shallow_clone(),
        };
        assert!(saved.equal(&expected), "{name} is another in one process");
    }
    everyone.barrier().unwrap();
}

/// Weights on other ranks than the update's are refused.
fn check_refusals(seat: &Seat, folder: &std::path::Path) {
    let mut whole = learner(folder, Critic::None, |decoder| decoder);
    whole.ranks = Some(seat.ranks());
    let error = whole.policy.apply(0, 0.0, whole.ranks.as_ref());
    let layout = seat.layout;
    assert_eq!(error.is_err(), seat.num_ranks() > 1 || layout.context * layout.tensor > 1);
    if let Err(error) = error {
        let words = if layout.tensor > 1 { "Ranks::with_tensor" } else { "cut the weights over the ranks" };
        assert!(error.to_string().contains(words), "{error}");
    }
}
