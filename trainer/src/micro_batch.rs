//! Trajectories packed for the model.

use policy::Packed;
use tch::{Device, Tensor};

use learner::token_split::split_by_tokens;
use crate::trajectory::Trajectory;

/// Trajectories that go through the model at once, packed.
#[derive(Debug)]
pub(crate) struct MicroBatch {
    /// Tokens; the targets are those of the completions.
    pub packed: Packed,
    /// `[targets]` float32
    pub rollout_logprobs: Tensor,
    /// `[targets]` float32
    pub advantages: Tensor,
}

/// Packs trajectories in order into pieces of at most `max_tokens` tokens; a longer trajectory goes alone.
pub(crate) fn micro_batches(trajectories: &[Trajectory], max_tokens: usize, device: Device) -> Vec<MicroBatch> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
