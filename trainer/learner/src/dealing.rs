//! A step's batch dealt to ranks, so that they are done with each minibatch at about the same time.
//!
//! Arithmetic alone; what is dealt here is computed with elsewhere.

use std::cmp::Reverse;

use anyhow::{Context, Result, ensure};
use policy::ModelConfig;

use crate::minibatch::minibatches;
use crate::trajectory::{Trajectory, TrajectoryGroup};
use crate::update_outcome::UpdateOutcome;

/// Work of a sequence, in multiplications of one forward pass.
#[derive(Clone, Copy, Debug)]
pub struct SequenceCost {
    /// Of a token, in the blocks.
    token: u128,
    /// Of a token that looks at another.
    pair: u128,
    /// Of a target, in the head.
    target: u128,
}

impl SequenceCost {
    /// The work in a model of this configuration.
    pub fn of(config: &ModelConfig) -> Self {
        let of = |size: i64| u128::from(size.unsigned_abs());
        let query = of(config.num_attention_heads * config.head_dim);
        let qkv = query + of(2 * config.num_key_value_heads * config.head_dim);
        let (hidden, blocks) = (of(config.hidden_size), of(config.num_hidden_layers));
        Self {
            token: blocks * hidden * (qkv + query + 3 * of(config.intermediate_size)),
            pair: blocks * 2 * query,
            target: hidden * of(config.vocab_size),
        }
    }

    /// The work of a sequence of so many tokens in the blocks: a token looks at itself and at all before it.
    pub fn tokens(&self, length: usize) -> u128 {
        let length = length as u128;
        length * self.token + length * (length + 1) / 2 * self.pair
    }

    /// The work of a trajectory.
    pub fn trajectory(&self, trajectory: &Trajectory) -> u128 {
        self.tokens(trajectory.ids.len()) + trajectory.num_targets() as u128 * self.target
    }
}

/// Which rank has which trajectory of a step's batch.
#[derive(Clone, Debug)]
pub struct Deal {
    /// The rank of each trajectory, by group.
    owners: Vec<Vec<usize>>,
    num_ranks: usize,
}

impl Deal {
    /// Deals trajectories to `num_ranks` ranks, at least 1: in each of the `updates_per_step` minibatches by
    /// [`balance`].
    pub fn new(groups: &[TrajectoryGroup], updates_per_step: usize, num_ranks: usize, cost: SequenceCost) -> Self {
        let mut owners = Vec::with_capacity(groups.len());
        for piece in minibatches(groups, updates_per_step) {
            let costs: Vec<u128> =
                piece.iter().flat_map(|group| &group.trajectories).map(|it| cost.trajectory(it)).collect();
            let mut dealt = balance(&costs, num_ranks).into_iter();
            owners.extend(piece.iter().map(|group| dealt.by_ref().take(group.trajectories.len()).collect()));
        }
        Self { owners, num_ranks }
    }

    /// The groups of each rank. Every rank gets as many groups as there are, with the trajectories of each that fell to
    /// it, maybe none, so that minibatches begin with the same groups on all.
    pub fn split(&self, groups: Vec<TrajectoryGroup>) -> Vec<Vec<TrajectoryGroup>> {
        let mut dealt: Vec<Vec<TrajectoryGroup>> = vec![Vec::with_capacity(groups.len()); self.num_ranks];
        for (group, owners) in groups.into_iter().zip(&self.owners) {
            for (rank, groups) in dealt.iter_mut().enumerate() {
                let num_masked = if rank == 0 { group.num_masked } else { 0 };
                groups.push(TrajectoryGroup { trajectories: Vec::new(), num_masked });
            }
            for (trajectory, owner) in group.trajectories.into_iter().zip(owners) {
                dealt[*owner].last_mut().expect("each rank has the group").trajectories.push(trajectory);
            }
        }
        dealt
    }

    /// What all ranks say of one update, in the order of the ranks, as one: the figures are the same on all, and each
    /// trajectory comes back to its place.
    ///
    /// # Errors
    /// There is not one outcome a rank, or one is not of this deal.
    pub fn join(&self, outcomes: Vec<UpdateOutcome>) -> Result<UpdateOutcome> {
        let mut outcomes = outcomes.into_iter();
        let mut all = outcomes.next().context("no rank says what an update did")?;
        let mut trajectories = vec![std::mem::take(&mut all.trajectories).into_iter()];
        let mut logprobs = vec![std::mem::take(&mut all.policy_logprobs).into_iter()];
        for outcome in outcomes {
            trajectories.push(outcome.trajectories.into_iter());
            logprobs.push(outcome.policy_logprobs.into_iter());
            for (skipped, more) in all.skipped.iter_mut().zip(outcome.skipped) {
                skipped.trajectories.extend(more.trajectories);
            }
        }
        ensure!(trajectories.len() == self.num_ranks, "{} of {} ranks answered", trajectories.len(), self.num_ranks);
        for owner in self.owners.iter().flatten() {
            let trajectory = trajectories[*owner].next();
            all.trajectories.push(trajectory.with_context(|| format!("rank {owner} lacks a trajectory"))?);
            all.policy_logprobs.extend(logprobs[*owner].next());
        }
        Ok(all)
    }
}

/// The rank of each item: the costliest goes first, to the rank that has the least work, the lowest of several.
pub fn balance(costs: &[u128], num_ranks: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..costs.len()).collect();
    order.sort_by_key(|item| Reverse(costs[*item])); // equal ones stay in their order
    let (mut loads, mut owners) = (vec![0; num_ranks], vec![0; costs.len()]);
    for item in order {
        let least = (0..num_ranks).min_by_key(|rank| loads[*rank]).unwrap_or(0);
        loads[least] += costs[item];
        owners[item] = least;
    }
    owners
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn trajectory(length: usize, mark: u32) -> Trajectory {
        let mut ids = vec![0; length];
        ids[0] = mark;
        Trajectory { ids, targets: std::iter::once(1..length).collect(), ..Trajectory::default() }
    }

    const COST: SequenceCost = SequenceCost { token: 100, pair: 2, target: 3 };

    #[test]
    fn attention_counts() {
        let config = ModelConfig::from_json(&serde_json::json!({
            "model_type": "qwen2", "vocab_size": 10, "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 2,
            "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 64,
        }))
        .unwrap();
        let cost = SequenceCost::of(&config);
        // Of a token: q 8 x 8, k and v 8 x 4 each, o 8 x 8, gate, up and down 8 x 16 each, in two blocks.
        assert_eq!((cost.token, cost.pair, cost.target), (2 * (64 + 64 + 64 + 384), 2 * 16, 80));
        assert_eq!(cost.trajectory(&trajectory(4, 0)), 4 * 1152 + 10 * 32 + 3 * 80);
        // One sequence of 20 tokens is more work than two of 10, and has a rank of its own.
        let pairs = SequenceCost { token: 1, pair: 1, target: 0 };
        let groups: Vec<TrajectoryGroup> =
            vec![[5, 20, 10, 10].map(|length| trajectory(length, length as u32)).to_vec().into()];
        let dealt = Deal::new(&groups, 1, 2, pairs).split(groups);
        let lengths = |rank: usize| dealt[rank][0].trajectories.iter().map(|it| it.ids.len()).collect::<Vec<_>>();
        assert_eq!((lengths(0), lengths(1)), (vec![20], vec![5, 10, 10]));
    }

    proptest! {
        #[test]
        fn every_trajectory_falls_to_one_rank_in_its_minibatch(
            sizes in prop::collection::vec(prop::collection::vec(2usize..200, 0..6), 0..9),
            updates in 1usize..4,
            num_ranks in 1usize..6,
        ) {
            let mut marks = 0..;
            let mut marked = |length: &usize| trajectory(*length, marks.next().unwrap());
            let groups: Vec<TrajectoryGroup> = sizes
                .iter()
                .map(|lengths| TrajectoryGroup {
                    trajectories: lengths.iter().map(&mut marked).collect(),
                    num_masked: lengths.len(),
                })
                .collect();
            let deal = Deal::new(&groups, updates, num_ranks, COST);
            let dealt = deal.split(groups.clone());
            for (place, group) in groups.iter().enumerate() {
                let parts: Vec<&TrajectoryGroup> = dealt.iter().map(|rank| &rank[place]).collect();
                let mut all: Vec<Trajectory> = parts.iter().flat_map(|part| part.trajectories.clone()).collect();
                all.sort_by_key(|trajectory| trajectory.ids[0]);
                prop_assert_eq!(&all, &group.trajectories);
                prop_assert_eq!(parts.iter().map(|part| part.num_masked).sum::<usize>(), group.num_masked);
            }
            let outcome = |groups: &Vec<TrajectoryGroup>| {
                let trajectories: Vec<Trajectory> =
                    groups.iter().flat_map(|group| group.trajectories.clone()).collect();
                let policy_logprobs = trajectories.iter().map(|it| vec![it.ids[0] as f32]).collect();
                UpdateOutcome { trajectories, policy_logprobs, ..UpdateOutcome::default() }
            };
            let joined = deal.join(dealt.iter().map(outcome).collect()).unwrap();
            let all: Vec<Trajectory> = groups.iter().flat_map(|group| group.trajectories.clone()).collect();
            prop_assert_eq!(&joined.trajectories, &all);
            let marks: Vec<Vec<f32>> = all.iter().map(|it| vec![it.ids[0] as f32]).collect();
            prop_assert_eq!(joined.policy_logprobs, marks);
            let mut first = 0;
            for piece in minibatches(&groups, updates) {
                let of_rank = |rank: &Vec<TrajectoryGroup>| -> u128 {
                    let own = rank[first..first + piece.len()].iter().flat_map(|group| &group.trajectories);
                    own.map(|trajectory| COST.trajectory(trajectory)).sum()
                };
                let loads: Vec<u128> = dealt.iter().map(of_rank).collect();
                let all = piece.iter().flat_map(|group| &group.trajectories);
                let largest = all.map(|trajectory| COST.trajectory(trajectory)).max().unwrap_or(0);
                prop_assert!(loads.iter().max().unwrap() - loads.iter().min().unwrap() <= largest);
                first += piece.len();
            }
        }
    }
}
