//! What went wrong stays where it was: minibatches that were skipped, gradients that an error left, sequences that have
//! nothing to learn.

use policy::{Part, Recompute, ScalarHead};
use tch::{Device, Kind, Tensor};

use super::bf16_model::{
    BFLOAT16, actor, assert_same_bits, critic, critic_plan, groups_of, learner, micro_folder, plan, shared_trunk, state,
};
use crate::gae::GaeConfig;
use crate::learner::Learner;
use crate::objective::preference::{self, PairIds, PreferenceLossConfig, PreferencePlan};
use crate::objective::supervised::{self, LearnedSequence, SupervisedPlan};
use crate::trainable::{Actor, Trainable};
use crate::trajectory::{Advantages, Rewards, TrajectoryGroup};
use crate::update::update;
use crate::update_outcome::UpdateOutcome;
use crate::update_plan::{CriticPlan, UpdatePlan};

const SUPERVISED: SupervisedPlan =
    SupervisedPlan { micro_batch_tokens: 30, head_chunk: 8, recompute: Recompute::Nothing };

fn preference_plan() -> PreferencePlan {
    PreferencePlan { micro_batch_tokens: 40, recompute: Recompute::Nothing, loss: PreferenceLossConfig::default() }
}

/// PPO without whitening, which would carry a number that is not finite from one group to all.
fn ppo() -> UpdatePlan {
    let gae = GaeConfig { whiten: false, ..GaeConfig::default() };
    UpdatePlan { critic: Some(CriticPlan { gae, ..critic_plan() }), ..plan() }
}

/// Gradients as an error in the middle of a minibatch leaves them.
fn leave_decoder_gradients(decoder: &mut policy::Decoder) {
    let gradient = decoder.store().embedding().ones_like().to_kind(Kind::Float);
    decoder.store_mut().put_gradient(Part::Embedding, gradient);
}

fn leave_head_gradient(head: &mut ScalarHead) {
    let hidden = Tensor::ones([1, 32], (Kind::Float, Device::Cpu));
    let _ = policy::Head::backward(head, (), &hidden, &hidden, &Tensor::ones([1], (Kind::Float, Device::Cpu)));
}

fn leave_gradients(actor: &mut Trainable<Actor>) {
    leave_decoder_gradients(&mut actor.model.policy.decoder);
    actor.model.value_head.iter_mut().for_each(leave_head_gradient);
}

#[test]
fn gradients_that_an_error_left_reach_no_update() {
    let folder = micro_folder();
    let with_critic = || Learner { critic: Some(critic(folder.path())), ..learner(folder.path(), BFLOAT16) };
    let (mut clean, mut soiled) = (with_critic(), with_critic());
    leave_gradients(&mut soiled.policy);
    let of_critic = &mut soiled.critic.as_mut().unwrap().model;
    leave_decoder_gradients(&mut of_critic.decoder);
    leave_head_gradient(&mut of_critic.head);
    for learner in [&mut clean, &mut soiled] {
        update(learner, groups_of(folder.path(), 0), &ppo(), 0).unwrap();
    }
    assert_same_bits(&state(&clean.policy), &state(&soiled.policy));
    assert_same_bits(&state(clean.critic.as_ref().unwrap()), &state(soiled.critic.as_ref().unwrap()));

    let shared = || {
        let policy = shared_trunk(folder.path(), ScalarHead::zeros(32, Device::Cpu));
        Learner { policy, ..learner(folder.path(), BFLOAT16) }
    };
    let (mut clean, mut soiled) = (shared(), shared());
    leave_gradients(&mut soiled.policy);
    for learner in [&mut clean, &mut soiled] {
        update(learner, groups_of(folder.path(), 0), &ppo(), 0).unwrap();
    }
    assert_same_bits(&state(&clean.policy), &state(&soiled.policy));

    let trace = LearnedSequence { ids: (0..12).collect(), targets: std::iter::once(4..12).collect() };
    let (mut clean, mut soiled) = (actor(folder.path(), BFLOAT16), actor(folder.path(), BFLOAT16));
    leave_gradients(&mut soiled);
    for policy in [&mut clean, &mut soiled] {
        supervised::learn(policy, &[&trace], SUPERVISED, 0, None).unwrap();
    }
    assert_same_bits(&state(&clean), &state(&soiled));

    let pair = PairIds { chosen: (0..9).collect(), rejected: (3..14).collect() };
    let (mut clean, mut soiled) = (critic(folder.path()), critic(folder.path()));
    leave_decoder_gradients(&mut soiled.model.decoder);
    leave_head_gradient(&mut soiled.model.head);
    for scorer in [&mut clean, &mut soiled] {
        preference::learn(scorer, &[&pair], &preference_plan(), 0, None).unwrap();
    }
    assert_same_bits(&state(&clean), &state(&soiled));
}

/// An update of PPO in two minibatches of two groups, of which the first `num_broken` have rewards and advantages that
/// are not numbers.
fn update_with_broken(num_broken: usize) -> UpdateOutcome {
    let folder = micro_folder();
    let mut learner = Learner { critic: Some(critic(folder.path())), ..learner(folder.path(), BFLOAT16) };
    let mut groups: Vec<TrajectoryGroup> = groups_of(folder.path(), 0);
    for trajectory in groups[..num_broken].iter_mut().flat_map(|group| &mut group.trajectories) {
        trajectory.advantages = Advantages::Sequence(f32::NAN);
        trajectory.rewards = Rewards::Outcome(f32::NAN);
    }
    update(&mut learner, groups, &ppo(), 0).unwrap()
}

#[test]
fn a_skipped_minibatch_takes_no_part_in_the_figures_of_its_step() {
    let outcome = update_with_broken(1);
    let skipped: Vec<(&str, usize)> = outcome.skipped.iter().map(|one| (one.model.as_str(), one.place)).collect();
    assert_eq!(skipped, [("policy", 0), ("critic", 0)]);
    assert_eq!(outcome.skipped[0].trajectories.len(), 6);
    let (policy, critic) = (outcome.policy.unwrap(), outcome.critic.unwrap());
    assert_eq!((policy.num_skipped, policy.policy_version), (1, 1));
    let metrics = &policy.loss_metrics;
    let figures = [
        policy.loss,
        policy.gradient_norm,
        policy.entropy,
        policy.mismatch.kl,
        metrics.approximate_kl,
        critic.loss.unwrap(),
        critic.gradient_norm.unwrap(),
        critic.clip_fraction.unwrap(),
    ];
    assert!(figures.iter().all(|figure| figure.is_finite()), "{figures:?}");
    assert!(policy.gradient_norm > 0.0 && policy.entropy > 1.0 && critic.gradient_norm.unwrap() > 0.0);
    let of_second: usize = outcome.trajectories[6..].iter().map(|trajectory| trajectory.num_targets()).sum();
    assert_eq!((metrics.num_tokens, policy.mismatch.num_tokens), (of_second as i64, of_second as i64));
}

#[test]
fn a_step_whose_minibatches_are_all_skipped_has_no_figures() {
    let outcome = update_with_broken(4);
    let (policy, critic) = (outcome.policy.unwrap(), outcome.critic.unwrap());
    assert_eq!((policy.num_skipped, policy.policy_version, outcome.skipped.len()), (2, 0, 4));
    assert_eq!((policy.loss, policy.gradient_norm, policy.entropy), (0.0, 0.0, 0.0));
    assert_eq!((policy.loss_metrics.num_tokens, policy.mismatch.num_tokens), (0, 0));
    assert_eq!((critic.loss, critic.gradient_norm, critic.clip_fraction), (None, None, None));
    assert!(policy.lr > 0.0 && critic.lr.unwrap() > 0.0);
}

#[test]
fn sequences_without_anything_to_learn_are_refused_and_named() {
    let folder = micro_folder();
    let mut policy = actor(folder.path(), BFLOAT16);
    let learn = |policy: &mut Trainable<Actor>, ids: Vec<u32>, target: std::ops::Range<usize>| {
        let trace = LearnedSequence { ids, targets: vec![target] };
        supervised::learn(policy, &[&trace], SUPERVISED, 0, None).map(drop).map_err(|error| error.to_string())
    };
    let none = "a sequence of 3 tokens has no targets to learn";
    assert_eq!(learn(&mut policy, vec![1, 2, 3], 2..2).unwrap_err(), none);
    assert_eq!(learn(&mut policy, vec![1, 2, 3], 0..1).unwrap_err(), none);
    let behind = learn(&mut policy, vec![1, 2, 3], 1..4).unwrap_err();
    assert!(behind.contains("end behind it"), "{behind}");
    assert_eq!(learn(&mut policy, vec![1, 2, 3], 2..3), Ok(()));

    let mut scorer = critic(folder.path());
    let pair = PairIds { chosen: vec![1, 2], rejected: Vec::new() };
    let error = preference::learn(&mut scorer, &[&pair], &preference_plan(), 0, None).unwrap_err().to_string();
    assert!(error.contains("rejected conversation has no tokens"), "{error}");
    assert!(preference::accuracy(&scorer.model, &[pair], 40, None).is_err());
}
