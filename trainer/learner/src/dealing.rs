//! A step's batch dealt to ranks, so that they are done with each minibatch at about the same time.
//!
//! Arithmetic alone; what is dealt here is computed with elsewhere.

use std::cmp::Reverse;

use policy::ModelConfig;

use crate::minibatch::minibatches;
use crate::trajectory::{Trajectory, TrajectoryGroup};

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

    /// The work of a trajectory: a token looks at itself and at all before it.
    pub fn trajectory(&self, trajectory: &Trajectory) -> u128 {
        let length = trajectory.ids.len() as u128;
        let pairs = length * (length + 1) / 2;
        length * self.token + pairs * self.pair + trajectory.num_targets() as u128 * self.target
    }
}

/// The groups of each of `num_ranks` ranks, at least 1. Every rank gets as many groups as there are, with the
/// trajectories of each that fell to it, maybe none, so that minibatches begin with the same groups on all. In each of
/// the `updates_per_step` minibatches the costliest trajectory goes first, to the rank that has the least work.
pub fn deal(
    groups: Vec<TrajectoryGroup>,
    updates_per_step: usize,
    num_ranks: usize,
    cost: SequenceCost,
) -> Vec<Vec<TrajectoryGroup>> {
    let mut owners: Vec<Vec<usize>> = groups.iter().map(|group| vec![0; group.trajectories.len()]).collect();
    let mut first = 0;
    for piece in minibatches(&groups, updates_per_step) {
        let mut costs: Vec<(u128, usize, usize)> = Vec::new();
        for (place, group) in piece.iter().enumerate() {
            let of_group = group.trajectories.iter().enumerate();
            costs.extend(of_group.map(|(index, trajectory)| (cost.trajectory(trajectory), first + place, index)));
        }
        costs.sort_by_key(|(cost, _, _)| Reverse(*cost)); // equal ones stay in their order
        let mut loads = vec![0; num_ranks];
        for (cost, group, index) in costs {
            let least = (0..num_ranks).min_by_key(|rank| loads[*rank]).unwrap_or(0);
            loads[least] += cost;
            owners[group][index] = least;
        }
        first += piece.len();
    }
    let mut dealt: Vec<Vec<TrajectoryGroup>> = vec![Vec::with_capacity(groups.len()); num_ranks];
    for (group, owners) in groups.into_iter().zip(owners) {
        for (rank, groups) in dealt.iter_mut().enumerate() {
            let num_masked = if rank == 0 { group.num_masked } else { 0 };
            groups.push(TrajectoryGroup { trajectories: Vec::new(), num_masked });
        }
        for (trajectory, owner) in group.trajectories.into_iter().zip(owners) {
            dealt[owner].last_mut().expect("each rank has the group").trajectories.push(trajectory);
        }
    }
    dealt
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
        let groups = vec![[5, 20, 10, 10].map(|length| trajectory(length, length as u32)).to_vec().into()];
        let dealt = deal(groups, 1, 2, pairs);
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
            let dealt = deal(groups.clone(), updates, num_ranks, COST);
            for (place, group) in groups.iter().enumerate() {
                let parts: Vec<&TrajectoryGroup> = dealt.iter().map(|rank| &rank[place]).collect();
                let mut all: Vec<Trajectory> = parts.iter().flat_map(|part| part.trajectories.clone()).collect();
                all.sort_by_key(|trajectory| trajectory.ids[0]);
                prop_assert_eq!(&all, &group.trajectories);
                prop_assert_eq!(parts.iter().map(|part| part.num_masked).sum::<usize>(), group.num_masked);
            }
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
