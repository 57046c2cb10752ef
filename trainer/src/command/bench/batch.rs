//! Random batches of a given shape, for timing: numbers of the right kind and size, and no text.

use std::ops::Range;

use learner::objective::preference::PairIds;
use learner::trajectory::{Advantages, Trajectory, TrajectoryGroup};
use random::KeyedRng;

/// Shape of a batch: sequences of one length, in groups that share a prompt.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchShape {
    /// Number of sequences, a multiple of `samples`.
    pub(super) sequences: usize,
    /// Tokens of each sequence, with its prompt.
    pub(super) tokens: usize,
    /// Tokens of each prompt, at least 1 and fewer than `tokens`.
    pub(super) prompt_tokens: usize,
    /// Sequences that share a prompt.
    pub(super) samples: usize,
}

impl BatchShape {
    /// Tokens of all sequences, prompts too.
    pub(super) fn num_tokens(self) -> usize {
        self.sequences * self.tokens
    }

    /// Places of each sequence that are learned from.
    pub(super) fn targets(self) -> Range<usize> {
        self.prompt_tokens..self.tokens
    }

    /// Ids of the sequences by group: random ones below `vocab_size`, but for the prompt that a group shares.
    fn ids(self, vocab_size: u64, rng: &mut KeyedRng) -> Vec<Vec<Vec<u32>>> {
        let mut draw = |length| (0..length).map(|_| rng.below(vocab_size) as u32).collect::<Vec<_>>();
        let mut groups = Vec::with_capacity(self.sequences / self.samples);
        for _ in 0..self.sequences / self.samples {
            let prompt = draw(self.prompt_tokens);
            groups.push((0..self.samples).map(|_| [prompt.clone(), draw(self.targets().len())].concat()).collect());
        }
        groups
    }

    /// Groups of trajectories with random advantages. Their logprobs, as if recorded while sampling, lie near those of
    /// a model that finds every token alike.
    pub(super) fn groups(self, vocab_size: u64) -> Vec<TrajectoryGroup> {
        let mut rng = KeyedRng::new(&["bench".into(), "update".into()]);
        let alike = -(vocab_size as f64).ln();
        let ids = self.ids(vocab_size, &mut rng);
        let mut trajectory = |ids| Trajectory {
            ids,
            targets: std::iter::once(self.targets()).collect(),
            rollout_logprobs: self.targets().map(|_| (alike + 0.2 * (rng.uniform() - 0.5)) as f32).collect(),
            advantages: Advantages::Sequence((2.0 * rng.uniform() - 1.0) as f32),
            ..Trajectory::default()
        };
        let mut group = |ids: Vec<_>| ids.into_iter().map(&mut trajectory).collect::<Vec<_>>().into();
        ids.into_iter().map(&mut group).collect()
    }

    /// The sequences as pairs of a chosen and a rejected one; an odd last one is left out.
    pub(super) fn pairs(self, vocab_size: u64) -> Vec<PairIds> {
        let mut rng = KeyedRng::new(&["bench".into(), "pairs".into()]);
        let mut sequences = self.ids(vocab_size, &mut rng).into_iter().flatten();
        let mut pairs = Vec::with_capacity(self.sequences / 2);
        while let (Some(chosen), Some(rejected)) = (sequences.next(), sequences.next()) {
            pairs.push(PairIds { chosen, rejected });
        }
        pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_share_a_prompt_and_nothing_else() {
        let shape = BatchShape { sequences: 6, tokens: 40, prompt_tokens: 16, samples: 3 };
        let groups: Vec<Vec<Trajectory>> = shape.groups(1000).into_iter().map(|group| group.trajectories).collect();
        assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3]);
        for group in &groups {
            for trajectory in group {
                assert_eq!((trajectory.ids.len(), trajectory.num_targets()), (40, 24));
                assert!(trajectory.validate().is_ok() && trajectory.ids.iter().all(|id| *id < 1000));
                assert_eq!(trajectory.ids[..16], group[0].ids[..16]);
            }
        }
        assert_ne!(groups[0][0].ids[..16], groups[1][0].ids[..16]);
        let all: Vec<&Trajectory> = groups.iter().flatten().collect();
        for (place, trajectory) in all.iter().enumerate() {
            assert!(all[..place].iter().all(|earlier| earlier.ids[16..] != trajectory.ids[16..]));
        }
    }

    #[test]
    fn pairs_have_the_tokens_of_the_sequences() {
        let shape = BatchShape { sequences: 6, tokens: 40, prompt_tokens: 16, samples: 1 };
        let pairs = shape.pairs(1000);
        assert_eq!(pairs.iter().map(|pair| pair.chosen.len() + pair.rejected.len()).sum::<usize>(), shape.num_tokens());
        assert!(pairs.iter().all(|pair| pair.chosen != pair.rejected));
    }
}
