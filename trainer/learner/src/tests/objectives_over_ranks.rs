//! What is learned without rollouts over ranks, held against one process that has the whole batch.

use policy::Recompute;

use super::bf16_model::micro_folder;
use super::over_ranks::{Critic, assert_agree, assert_same_weights, json, learner};
use super::ranks::succeed;
use super::role::Seat;
use crate::dealing::balance;
use crate::objective::preference::{self, PairIds, PreferenceLossConfig, PreferencePlan};
use crate::objective::supervised::{self, LearnedSequence, SupervisedPlan};

#[test]
fn two_shards_learn_traces_and_pairs_as_one_process() {
    succeed("objectives 1x2x1x1", 2);
}

#[test]
fn two_by_two_ranks_learn_traces_and_pairs_as_one_process() {
    succeed("objectives 2x2x1x1", 4);
}

#[test]
fn two_shares_learn_traces_and_pairs_as_one_process() {
    succeed("objectives 1x1x1x2", 2);
}

fn ids(length: u32, salt: u32) -> Vec<u32> {
    (0..length).map(|at| (at * at + 29 * salt) % 272).collect()
}

/// The items that fall to a rank.
fn dealt<'a, T>(items: &'a [T], seat: &Seat, cost: impl Fn(&T) -> usize) -> Vec<&'a T> {
    let owners = balance(&items.iter().map(|item| cost(item) as u128).collect::<Vec<_>>(), seat.num_ranks());
    items.iter().zip(owners).filter(|(_, owner)| *owner == seat.rank()).map(|(item, _)| item).collect()
}

pub(crate) fn play(seat: &Seat) {
    let folder = micro_folder();
    let mut one = learner(folder.path(), Critic::Own, |decoder| decoder);
    let mut many = learner(folder.path(), Critic::Own, |decoder| seat.cut(&decoder));
    let ranks = seat.ranks();
    let traces = SupervisedPlan { micro_batch_tokens: 30, head_chunk: 8, recompute: Recompute::Blocks };
    let pairs =
        PreferencePlan { micro_batch_tokens: 40, recompute: Recompute::Nothing, loss: PreferenceLossConfig::default() };
    // Six items, and one for all ranks.
    for (step, count) in [6, 1, 6].into_iter().enumerate() {
        let (place, salt) = (step as u64, 7 * step as u32);
        let batch: Vec<LearnedSequence> = (salt..salt + count)
            .map(|salt| LearnedSequence { ids: ids(10 + salt, salt), targets: vec![2..5, 6..10 + salt as usize] })
            .collect();
        let all: Vec<&LearnedSequence> = batch.iter().collect();
        let own = dealt(&batch, seat, |sequence| sequence.ids.len());
        let expected = supervised::learn(&mut one.policy, &all, traces, place, None).unwrap();
        let outcome = supervised::learn(&mut many.policy, &own, traces, place, Some(&ranks)).unwrap();
        assert_agree("traces", &json(&expected), &json(&outcome));

        let batch: Vec<PairIds> = (salt..salt + count)
            .map(|salt| PairIds { chosen: ids(8 + salt, 2 * salt), rejected: ids(9 + salt, 2 * salt + 1) })
            .collect();
        let all: Vec<&PairIds> = batch.iter().collect();
        let own = dealt(&batch, seat, PairIds::num_tokens);
        let scorers = (one.critic.as_mut().unwrap(), many.critic.as_mut().unwrap());
        let expected = preference::learn(scorers.0, &all, &pairs, place, None).unwrap();
        let outcome = preference::learn(scorers.1, &own, &pairs, place, Some(&ranks)).unwrap();
        assert_agree("pairs", &json(&expected), &json(&outcome));
        let own: Vec<PairIds> = own.into_iter().cloned().collect();
        let expected = preference::accuracy(&scorers.0.model, &batch, 40, None).unwrap();
        assert_eq!(preference::accuracy(&scorers.1.model, &own, 40, Some(&ranks)).unwrap(), expected);
        assert_same_weights(&format!("step {step}"), &many, &one);
    }
}
