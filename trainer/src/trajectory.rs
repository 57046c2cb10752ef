//! Groups with their advantages, split and packed for the update.

use policy::Packed;
use tch::{Device, Tensor};

use crate::group::Group;

/// One rollout as the update sees it.
#[derive(Clone, Debug)]
pub struct Trajectory {
    /// The prompt's ids, then the completion's.
    pub ids: Vec<u32>,
    /// How many of them are the prompt.
    pub num_prompt: usize,
    /// Recorded while sampling, one for each token of the completion.
    pub rollout_logprobs: Vec<f32>,
    /// The same for every token of the completion.
    pub advantage: f32,
}

impl Trajectory {
    /// Tokens that are learned from.
    pub fn num_targets(&self) -> usize {
        self.ids.len() - self.num_prompt
    }

    /// A group's trajectories, given its advantages in the order of its rollouts.
    pub fn of_group<'a>(group: &'a Group, advantages: &'a [f32]) -> impl Iterator<Item = Self> + 'a {
        group.rollouts.iter().zip(advantages).map(|(rollout, advantage)| {
            let completion = &rollout.completion;
            Self {
                ids: [completion.prompt_ids.as_slice(), &completion.ids].concat(),
                num_prompt: completion.prompt_ids.len(),
                rollout_logprobs: completion.rollout_logprobs.clone(),
                advantage: *advantage,
            }
        })
    }
}

/// Trajectories that go through the model at once.
#[derive(Debug)]
pub struct MicroBatch {
    /// The tokens; the targets are the completions'.
    pub packed: Packed,
    /// `[targets]` float32
    pub rollout_logprobs: Tensor,
    /// `[targets]` float32
    pub advantages: Tensor,
}

/// Packs trajectories in order into pieces of at most `max_tokens` tokens; one that is longer goes alone.
pub fn micro_batches(trajectories: &[Trajectory], max_tokens: usize, device: Device) -> Vec<MicroBatch> {
    split_by_tokens(trajectories, max_tokens, |trajectory| trajectory.ids.len())
        .into_iter()
        .map(|piece| {
            let sequences: Vec<(&[u32], usize)> = piece.iter().map(|t| (t.ids.as_slice(), t.num_prompt)).collect();
            let advantages: Vec<f32> =
                piece.iter().flat_map(|t| std::iter::repeat_n(t.advantage, t.num_targets())).collect();
            let rollout_logprobs: Vec<f32> = piece.iter().flat_map(|t| t.rollout_logprobs.iter().copied()).collect();
            MicroBatch {
                packed: Packed::new(&sequences, device),
                rollout_logprobs: Tensor::from_slice(&rollout_logprobs).to_device(device),
                advantages: Tensor::from_slice(&advantages).to_device(device),
            }
        })
        .collect()
}

/// Consecutive pieces whose sizes add up to at most `max`; an item that is larger stands alone.
pub fn split_by_tokens<T>(items: &[T], max: usize, size: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let (mut pieces, mut start, mut total) = (Vec::new(), 0, 0);
    for (i, item) in items.iter().enumerate() {
        if i > start && total + size(item) > max {
            pieces.push(&items[start..i]);
            (start, total) = (i, 0);
        }
        total += size(item);
    }
    if start < items.len() {
        pieces.push(&items[start..]);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_keep_the_order_and_the_bound(sizes in prop::collection::vec(0usize..50, 0..40), max in 1usize..100) {
            let pieces = split_by_tokens(&sizes, max, |size| *size);
            prop_assert_eq!(pieces.concat(), sizes.clone());
            for piece in pieces {
                prop_assert!(piece.len() == 1 || piece.iter().sum::<usize>() <= max);
            }
        }
    }

    #[test]
    fn targets_line_up_with_their_numbers() {
        let trajectory = |ids: &[u32], num_prompt, advantage| Trajectory {
            ids: ids.to_vec(),
            num_prompt,
            rollout_logprobs: vec![-0.5; ids.len() - num_prompt],
            advantage,
        };
        let trajectories = [trajectory(&[5, 6, 7, 8], 2, 1.0), trajectory(&[5, 6, 9], 2, -1.0)];
        let batches = micro_batches(&trajectories, 100, Device::Cpu);
        assert_eq!(batches.len(), 1);
        assert_eq!(Vec::<i64>::try_from(&batches[0].packed.targets).unwrap(), [7, 8, 9]);
        assert_eq!(Vec::<f32>::try_from(&batches[0].advantages).unwrap(), [1.0, 1.0, -1.0]);
        assert_eq!(Vec::<i64>::try_from(&batches[0].packed.predicting).unwrap(), [1, 2, 5]);
    }
}
