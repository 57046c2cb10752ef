//! Whole steps of GRPO in bfloat16.

use policy::{Decoder, Placement, Policy, Recompute};
use tch::{Device, Kind, Tensor, no_grad};

use super::bf16_model::{
    BFLOAT16, ROUNDING, assert_same_bits, distance, groups, groups_of, learner, micro_folder, plan, state, trajectories,
};
use crate::aggregation::Aggregation;
use crate::learner::Learner;
use crate::loss::PolicyLossConfig;
use crate::trajectory::{Trajectory, TrajectoryGroup};
use crate::update::update;
use crate::update_outcome::UpdateOutcome;
use crate::update_plan::{OldLogprobs, UpdatePlan};

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

fn json(outcome: &UpdateOutcome) -> serde_json::Value {
    serde_json::to_value(outcome).unwrap()
}

#[test]
fn a_streamed_step_is_that_of_the_full_graph_bit_for_bit() {
    let folder = micro_folder();
    let mut full = learner(folder.path(), BFLOAT16);
    let mut streamed = learner(folder.path(), BFLOAT16);
    let begin = state(&full.policy);
    for step in 0..2 {
        let groups = groups_of(folder.path(), step);
        let of_full = update(&mut full, groups.clone(), &plan(), step.into()).unwrap();
        let blocks = UpdatePlan { recompute: Recompute::Blocks, ..plan() };
        let of_streamed = update(&mut streamed, groups, &blocks, step.into()).unwrap();
        assert_eq!(json(&of_full), json(&of_streamed));
        assert_same_bits(&state(&full.policy), &state(&streamed.policy));
        let policy = of_full.policy.unwrap();
        let version = 2 * (u64::from(step) + 1);
        assert_eq!((policy.policy_version, full.policy_version, streamed.policy_version), (version, version, version));
        assert_eq!((policy.num_skipped, full.policy.counts.applied), (0, version));
    }
    for ((name, begin), (_, end)) in begin.iter().zip(&state(&full.policy)) {
        assert!(!begin.equal(end), "{name} did not change");
    }
}

#[test]
fn a_first_minibatch_has_ratios_of_exactly_one() {
    let folder = micro_folder();
    let mut learner = learner(folder.path(), BFLOAT16);
    let one = UpdatePlan { updates_per_step: 1, ..plan() };
    let outcome = update(&mut learner, groups_of(folder.path(), 0), &one, 0).unwrap();
    let metrics = outcome.policy.unwrap().loss_metrics;
    assert_eq!((metrics.ratio_max, metrics.approximate_kl), (1.0, 0.0));
    // The reference has the policy's weights, and is asked in the same packs.
    assert_eq!(metrics.reference_kl, Some(0.0));
    assert_eq!(learner.policy_version, 1);
}

#[test]
fn weights_are_their_masters_rounded_once() {
    let folder = micro_folder();
    let mut learner = learner(folder.path(), BFLOAT16);
    for step in 0..2 {
        update(&mut learner, groups_of(folder.path(), step), &plan(), step.into()).unwrap();
        let masters: Vec<(String, Tensor)> = learner
            .policy
            .optimizer_state()
            .into_iter()
            .filter_map(|(name, master)| Some((name.strip_prefix("master.")?.to_owned(), master)))
            .collect();
        let weights = learner.policy.model.policy.decoder.state();
        assert_eq!(weights.len(), masters.len());
        for ((name, weight), (master_name, master)) in weights.iter().zip(&masters) {
            assert!(name == master_name && master.kind() == Kind::Float, "{name} and {master_name}");
            assert!(weight.equal(&master.to_kind(Kind::BFloat16)), "{name} is not its master");
            assert!(!weight.to_kind(Kind::Float).equal(master), "{name}: its master is rounded");
        }
    }
}

/// The gradient's running mean of each parameter: after one update, the clipped gradient.
fn running_means(learner: &Learner) -> Vec<(String, Tensor)> {
    learner.policy.optimizer_state().into_iter().filter(|(name, _)| name.starts_with("exp_avg.")).collect()
}

#[test]
fn a_step_is_float32_s_up_to_the_rounding_of_activations() {
    let folder = micro_folder();
    let one = UpdatePlan { updates_per_step: 1, ..plan() };
    let step = |placement| {
        let mut learner = learner(folder.path(), placement);
        let outcome = update(&mut learner, groups_of(folder.path(), 0), &one, 0).unwrap();
        (outcome.policy.unwrap(), running_means(&learner))
    };
    let ((short, short_means), (wide, wide_means)) = (step(BFLOAT16), step(Placement::CPU));
    let assert_near = |what: &str, short: f64, wide: f64, bound: f64| {
        assert!((short - wide).abs() <= bound * wide.abs(), "{what}: {short} in bfloat16, {wide} in float32");
    };
    assert_near("gradient_norm", short.gradient_norm, wide.gradient_norm, 2.0 * ROUNDING);
    assert_near("loss", short.loss, wide.loss, 2.0 * ROUNDING);
    assert_near("entropy", short.entropy, wide.entropy, ROUNDING);
    for ((name, short), (_, wide)) in short_means.iter().zip(&wide_means) {
        // A key's bias moves all scores of a query alike: its gradient is a small difference of larger numbers.
        let bound = if name.ends_with("k_proj.bias") { 100.0 } else { 16.0 } * ROUNDING;
        let difference = distance(short, wide);
        assert!(difference > 0.0 && difference <= bound, "{name}: {difference}");
    }
}

#[test]
fn mismatch_measures_the_rounding_and_grows_with_the_distance_of_the_weights() {
    let folder = micro_folder();
    let load = |placement| Policy::load(folder.path(), placement).unwrap().decoder;
    // Every weight moved by a share of itself.
    let moved = |share: f64| {
        let decoder = load(Placement::CPU);
        for (at, (_, tensor)) in decoder.state().into_iter().enumerate() {
            let noise = (Tensor::arange(tensor.numel() as i64, FLOAT) * (1.7 + at as f64)).sin().view_as(&tensor);
            let _ = no_grad(|| tensor.shallow_clone().g_add_(&(noise * &tensor * share)));
        }
        decoder
    };
    let mismatch = |rollout: &Decoder| {
        let groups = groups(rollout, 0);
        let num_targets: usize = trajectories(&groups).map(Trajectory::num_targets).sum();
        let outcome = update(&mut learner(folder.path(), BFLOAT16), groups, &plan(), 0).unwrap();
        let mismatch = outcome.policy.unwrap().mismatch;
        assert_eq!(mismatch.num_tokens, num_targets as i64);
        mismatch
    };
    // The same weights and dtype, each sequence alone: no more than the rounding of other shapes.
    let same = mismatch(&load(BFLOAT16));
    assert!((0.0..=1e-4).contains(&same.kl) && same.max_abs_difference <= 1e-3, "{same:?}");
    // The same weights in an engine that computes in float32.
    let wide = mismatch(&load(Placement::CPU));
    assert!((1e-7..=1e-4).contains(&wide.kl) && wide.max_abs_difference <= 1e-3, "{wide:?}");
    assert!(wide.mean_abs_difference > 0.0 && wide.mean_abs_difference < wide.max_abs_difference, "{wide:?}");
    assert_eq!((same.outside_fraction, wide.outside_fraction), (0.0, 0.0));
    let (near, far) = (mismatch(&moved(0.1)), mismatch(&moved(0.5)));
    assert!(near.kl > 10.0 * wide.kl && far.kl > 5.0 * near.kl, "{near:?} {far:?}");
    assert!(near.mean_abs_difference > 5.0 * wide.mean_abs_difference, "{near:?}");
    assert!(far.outside_fraction > near.outside_fraction, "{near:?} {far:?}");
}

#[test]
fn where_the_rollout_stands_for_the_old_policy_the_first_minibatch_measures_the_mismatch() {
    let folder = micro_folder();
    let groups = groups_of(folder.path(), 0);
    let mismatch = |groups: &[TrajectoryGroup], old_logprobs, updates_per_step| {
        let plan = UpdatePlan { old_logprobs, updates_per_step, ..plan() };
        let outcome = update(&mut learner(folder.path(), BFLOAT16), groups.to_vec(), &plan, 0).unwrap();
        outcome.policy.unwrap().mismatch
    };
    let first = mismatch(&groups[..2], OldLogprobs::Recompute, 1);
    assert!(first.kl > 0.0 && first.max_abs_difference > 0.0, "{first:?}");
    assert_eq!(mismatch(&groups, OldLogprobs::Rollout, 2), first);
}

#[test]
fn masked_sequences_count_in_the_mean_that_counts_them() {
    let folder = micro_folder();
    let loss = |num_masked, aggregation| {
        let loss = PolicyLossConfig { aggregation, ..plan().loss };
        let plan = UpdatePlan { updates_per_step: 1, loss, ..plan() };
        let groups = groups_of(folder.path(), 0).into_iter().map(|group| TrajectoryGroup { num_masked, ..group });
        update(&mut learner(folder.path(), BFLOAT16), groups.collect(), &plan, 0).unwrap().policy.unwrap().loss
    };
    // Three sequences of a group are learned from.
    for (aggregation, share) in [
        (Aggregation::TokenMean, 1.0),
        (Aggregation::SequenceMean, 1.0),
        (Aggregation::SequenceMeanCountingEmpty, 0.5),
        (Aggregation::Constant { length: 20 }, 0.5),
    ] {
        let (alone, among_masked) = (loss(0, aggregation), loss(3, aggregation));
        assert!((among_masked - share * alone).abs() <= 1e-6 * alone.abs(), "{aggregation:?}: {among_masked}, {alone}");
    }
}
