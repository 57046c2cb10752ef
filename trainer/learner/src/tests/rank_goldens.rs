//! GRPO's golden steps on two ranks with a group each.

use tch::Tensor;

use super::golden::{Golden, load_json};
use super::ranks::succeed;
use super::role::Seat;
use super::whole_step::{Batch, actor, compare, grpo_case, optimizer, parts, plan};
use crate::advantages::advantages;
use crate::learner::Learner;
use crate::micro_batch::Minibatch;
use crate::trainable::{Actor, Model, Trainable};
use crate::trajectory::{Advantages, Trajectory, TrajectoryGroup};
use crate::update::{accumulate, update};
use crate::update_outcome::TargetTotals;
use crate::update_plan::OldLogprobs;

#[test]
fn steps_on_two_ranks_equal_their_golden_values() {
    for layout in ["2x1x1x1", "1x2x1x1"] {
        succeed(&format!("goldens {layout}"), 2);
    }
}

/// The groups of the batch with their advantages.
fn groups(batch: &Batch, case: &str) -> Vec<TrajectoryGroup> {
    let mut groups = batch.trajectories();
    let outcome = |trajectory: &Trajectory| trajectory.token_rewards().last().copied().unwrap();
    let rewards: Vec<Vec<f32>> = groups.iter().map(|group| group.iter().map(outcome).collect()).collect();
    for (group, advantages) in groups.iter_mut().zip(advantages(&rewards, &grpo_case(case).0).unwrap()) {
        for (trajectory, advantage) in group.iter_mut().zip(advantages) {
            trajectory.advantages = Advantages::Sequence(advantage);
        }
    }
    groups.into_iter().map(TrajectoryGroup::from).collect()
}

pub(super) fn play(seat: &Seat) {
    let (settings, batch) = (load_json("update/grpo"), Batch::load());
    let device = tch::Device::Cpu;
    for case in ["dapo", "dr_grpo", "recompute"] {
        let (golden, settings) = (Golden::load(&format!("update/{case}")), &settings[case]);
        let (_, loss, old_logprobs) = grpo_case(case);
        for cut in [(1 << 20, 1 << 20, policy::Recompute::Nothing), (30, 7, policy::Recompute::Blocks)] {
            let what = format!("{case} {cut:?} rank {}", seat.rank());
            let plan = plan(loss.clone(), old_logprobs, cut);
            let number = |value: &serde_json::Value| value.as_f64().unwrap();
            let own = vec![groups(&batch, case).swap_remove(seat.rank())];

            // This rank's share alone: its own sum over the counts of both.
            let mut prepared = own.clone();
            for trajectory in prepared.iter_mut().flat_map(|group| &mut group.trajectories) {
                let is_given = old_logprobs == OldLogprobs::Rollout;
                trajectory.old_logprobs = is_given.then(|| trajectory.rollout_logprobs.clone());
            }
            let minibatch = |ranks| Minibatch::of_groups(&prepared, cut.0, device).unwrap().on(ranks, device).unwrap();
            let ranks = seat.ranks();
            let mut alone = actor(false);
            let (share, _) =
                accumulate(&mut alone, &minibatch(Some(&ranks)), &plan, &mut TargetTotals::default()).unwrap();
            let expected = number(&settings["ranks"][seat.rank()]["loss"]);
            assert!((share - expected).abs() <= 1e-6, "{what}: share {share}, not {expected}");
            let gradients = alone.gradients();
            let gradients = parts(&alone, |place| gradients[place].as_ref().unwrap().copy());
            let prefix = format!("rank{}.gradient", seat.rank());
            assert!(case != "dapo" || compare(&golden, &prefix, &gradients, 1e-6, 1e-4) == 2, "{what}");

            // The known wrong answer: each rank's mean over its own tokens, averaged.
            if let Some(wrong) = settings.get("mean_of_the_ranks_own_means").map(number) {
                let (mean, _) = accumulate(&mut alone, &minibatch(None), &plan, &mut TargetTotals::default()).unwrap();
                let [sum] = ranks.sums([mean]).unwrap();
                assert!((sum / 2.0 - wrong).abs() <= 1e-6, "{what}: {}", sum / 2.0);
                assert!((wrong - number(&settings["loss"])).abs() > 1e-3);
            }

            let (adamw, schedule) = optimizer(&settings["adamw"]);
            let whole = actor(false).policy;
            let policy = policy::Policy { decoder: seat.cut(&whole.decoder), texts: whole.texts };
            let mut learner =
                Learner::of(Trainable::new(Actor { policy, value_head: None }, &adamw, schedule).unwrap());
            learner.reference = (loss.kl_coefficient != 0.0).then(|| actor(false).policy.decoder);
            learner.ranks = Some(ranks);
            let mut next = own;
            let num_steps = if settings.get("second_loss").is_some() { 2 } else { 1 };
            for (step, prefix) in [(0, ""), (1, "second.")].into_iter().take(num_steps) {
                let outcome = update(&mut learner, next, &plan, step).unwrap();
                let policy = outcome.policy.unwrap();
                let expected = |key: &str| number(&settings[format!("{}{key}", prefix.replace('.', "_"))]);
                let (loss, norm) = (expected("loss"), expected("gradient_norm"));
                assert!((policy.loss - loss).abs() <= 1e-6, "{what}: {prefix}loss {}", policy.loss);
                assert!((policy.gradient_norm - norm).abs() <= 1e-4 * norm, "{what}: norm {}", policy.gradient_norm);
                let trained: i64 =
                    [0, 1].map(|rank| settings["ranks"][rank]["trained_tokens"].as_i64().unwrap()).iter().sum();
                assert_eq!(policy.loss_metrics.num_tokens, trained, "{what}");
                let values: Vec<(String, Tensor)> = learner.policy.model.policy.decoder.state();
                let compared = compare(&golden, &format!("{prefix}parameter"), &values, 2e-6, 0.0);
                assert!(compared >= 2, "{what}: {compared} parameters");
                next = vec![outcome.trajectories.into()];
                for (trajectory, logprobs) in next[0].trajectories.iter_mut().zip(outcome.policy_logprobs) {
                    trajectory.old_logprobs.get_or_insert(logprobs);
                }
            }
        }
    }
}
