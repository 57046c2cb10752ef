//! A run in bfloat16 that is saved in its middle and goes on from what was saved: bit for bit the uninterrupted one.

use std::ops::Range;
use std::path::Path;

use policy::{Policy, Recompute, ScalarHead, write_tensors};
use tch::{Device, Kind};

use super::bf16_model::{
    BFLOAT16, actor, assert_same_bits, critic, critic_plan, groups_of, learner, micro_folder, plan, shared_trunk, state,
};
use crate::learner::Learner;
use crate::trainable::{Model, Trainable, UpdateCounts};
use crate::update::update;
use crate::update_plan::UpdatePlan;

/// Runs steps and returns what each of them did.
fn run(learner: &mut Learner, folder: &Path, steps: Range<u32>, plan: &UpdatePlan) -> Vec<serde_json::Value> {
    steps
        .map(|step| {
            let outcome = update(learner, groups_of(folder, step), plan, step.into()).unwrap();
            serde_json::to_value(outcome).unwrap()
        })
        .collect()
}

/// Optimizer state through a file.
fn through_a_file<M: Model>(saved: &Trainable<M>, loaded: &mut Trainable<M>, folder: &Path) {
    saved.save_optimizer(folder, "optimizer", 0, 1).unwrap();
    loaded.load_optimizer(folder, "optimizer").unwrap();
}

/// The learner as a checkpoint in `folder` keeps it, loaded into new memory.
fn saved_and_loaded(learner: &Learner, start: &Path, folder: &Path) -> Learner {
    let of_policy = folder.join("policy");
    learner.policy.model.policy.save(&of_policy).unwrap();
    let mut policy = match &learner.policy.model.value_head {
        None => actor(&of_policy, BFLOAT16),
        Some(head) => {
            let file = folder.join("value_head.safetensors");
            write_tensors(&file, &[(head.parameter().name, head.parameter().tensor)]).unwrap();
            let mut loaded = value_head();
            loaded.load(&file).unwrap();
            shared_trunk(&of_policy, loaded)
        }
    };
    through_a_file(&learner.policy, &mut policy, folder);
    policy.counts = learner.policy.counts;
    let of_critic = learner.critic.as_ref().map(|trained| {
        trained.model.save(&folder.join("critic")).unwrap();
        let mut critic = critic(&folder.join("critic"));
        through_a_file(trained, &mut critic, folder);
        critic.counts = trained.counts;
        critic
    });
    let reference = Policy::load(start, BFLOAT16).unwrap().decoder;
    Learner {
        policy,
        policy_version: learner.policy_version,
        critic: of_critic,
        reference: Some(reference),
        ranks: None,
    }
}

fn value_head() -> ScalarHead {
    ScalarHead::zeros(32, Device::Cpu)
}

/// Trains to the end in one go, and with a save and a load in the middle; `begin` makes the learner.
fn check_resuming(start: &Path, plan: &UpdatePlan, begin: impl Fn() -> Learner) {
    let mut whole = begin();
    let expected = run(&mut whole, start, 0..4, plan);

    let mut first = begin();
    let folder = tempfile::tempdir().unwrap();
    let mut outcomes = run(&mut first, start, 0..2, plan);
    let mut second = saved_and_loaded(&first, start, folder.path());
    assert_same_bits(&state(&first.policy), &state(&second.policy));
    assert_eq!(second.policy.counts, UpdateCounts { applied: 4, skipped_in_a_row: 0 });
    drop(first);
    outcomes.extend(run(&mut second, start, 2..4, plan));
    assert_eq!(outcomes, expected);
    assert_eq!((second.policy_version, second.policy.counts), (whole.policy_version, whole.policy.counts));
    assert_same_bits(&state(&second.policy), &state(&whole.policy));
    assert_eq!(second.critic.is_some(), whole.critic.is_some());
    for (second, whole) in second.critic.iter().zip(&whole.critic) {
        assert_eq!(second.counts, whole.counts);
        assert_same_bits(&state(second), &state(whole));
    }
}

#[test]
fn a_resumed_run_of_grpo_is_the_uninterrupted_run() {
    let start = micro_folder();
    for recompute in [Recompute::Nothing, Recompute::Blocks] {
        let plan = UpdatePlan { recompute, ..plan() };
        check_resuming(start.path(), &plan, || learner(start.path(), BFLOAT16));
    }
}

#[test]
fn a_resumed_run_of_ppo_is_the_uninterrupted_run() {
    let start = micro_folder();
    let plan = UpdatePlan { critic: Some(critic_plan()), ..plan() };
    check_resuming(start.path(), &plan, || Learner {
        critic: Some(critic(start.path())),
        ..learner(start.path(), BFLOAT16)
    });
    check_resuming(start.path(), &plan, || Learner {
        policy: shared_trunk(start.path(), value_head()),
        ..learner(start.path(), BFLOAT16)
    });
}

#[test]
fn a_run_that_forgets_its_masters_is_another_run() {
    let start = micro_folder();
    let mut whole = learner(start.path(), BFLOAT16);
    run(&mut whole, start.path(), 0..2, &plan());
    let folder = tempfile::tempdir().unwrap();
    let mut forgetful = saved_and_loaded(&whole, start.path(), folder.path());
    let rounded = |(name, tensor): (String, tch::Tensor)| {
        let is_master = name.starts_with("master.");
        (name, if is_master { tensor.to_kind(Kind::BFloat16).to_kind(Kind::Float) } else { tensor })
    };
    let state_of = whole.policy.optimizer_state().into_iter().map(rounded).collect();
    forgetful.policy.load_optimizer_state(state_of).unwrap();
    for learner in [&mut whole, &mut forgetful] {
        run(learner, start.path(), 2..3, &plan());
    }
    let differing =
        state(&whole.policy).iter().zip(&state(&forgetful.policy)).filter(|(a, b)| !a.1.equal(&b.1)).count();
    assert!(differing > 0, "masters are not needed: the test above could not fail");
}
