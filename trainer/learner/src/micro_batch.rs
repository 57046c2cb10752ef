//! Trajectories packed for the model.

use std::ops::Range;

use anyhow::Result;
use policy::Packed;
use tch::{Device, Kind, Tensor};

use crate::aggregation::Sequences;
use crate::token_split::split_by_tokens;
use crate::trajectory::{Trajectory, ValueTargets};

/// Trajectories that go through the model at once, packed.
#[derive(Debug)]
pub struct MicroBatch {
    /// Tokens; the targets are those that the policy sampled.
    pub packed: Packed,
    /// Places of the trajectories among the targets.
    pub sequences: Sequences,
    /// `[targets]` float32
    pub rollout_logprobs: Tensor,
    /// `[targets]` float32
    pub advantages: Tensor,
    /// What a critic is held to, where every trajectory has it.
    pub values: Option<ValueTensors>,
    /// `[targets]` bool, all true: only targets are packed as such.
    pub mask: Tensor,
}

/// What a critic's values are held to, both `[targets]` float32.
#[derive(Debug)]
pub struct ValueTensors {
    /// Values before the step's first update.
    pub old_values: Tensor,
    /// Returns that the values should be.
    pub returns: Tensor,
}

impl MicroBatch {
    /// Packs trajectories end to end.
    ///
    /// # Errors
    /// There is none, or one's numbers do not belong to its targets.
    pub fn new(trajectories: &[&Trajectory], device: Device) -> Result<Self> {
        trajectories.iter().try_for_each(|trajectory| trajectory.validate())?;
        let sequences: Vec<(&[u32], &[Range<usize>])> =
            trajectories.iter().map(|trajectory| (trajectory.ids.as_slice(), trajectory.targets.as_slice())).collect();
        let packed = Packed::new(&sequences, device);
        let lengths = packed.target_lengths.iter().map(|length| *length as i64);
        let ends = lengths.scan(0, |end, length| {
            *end += length;
            Some(*end)
        });
        let cu_seqlens: Vec<i64> = std::iter::once(0).chain(ends).collect();
        let advantages: Vec<f32> = trajectories.iter().flat_map(|trajectory| trajectory.token_advantages()).collect();
        let logprobs: Vec<f32> =
            trajectories.iter().flat_map(|trajectory| trajectory.rollout_logprobs.iter().copied()).collect();
        let targets: Option<Vec<&ValueTargets>> =
            trajectories.iter().map(|trajectory| trajectory.value_targets.as_ref()).collect();
        let tensor = |values: &[f32]| Tensor::from_slice(values).to_device(device);
        Ok(Self {
            sequences: Sequences::from_cu_seqlens(&cu_seqlens)?,
            rollout_logprobs: tensor(&logprobs),
            advantages: tensor(&advantages),
            values: targets.map(|targets| ValueTensors {
                old_values: tensor(&targets.iter().flat_map(|it| &it.old_values).copied().collect::<Vec<_>>()),
                returns: tensor(&targets.iter().flat_map(|it| &it.returns).copied().collect::<Vec<_>>()),
            }),
            mask: Tensor::ones([logprobs.len() as i64], (Kind::Bool, device)),
            packed,
        })
    }

    /// Number of targets of each trajectory.
    pub fn target_lengths(&self) -> Vec<i64> {
        self.packed.target_lengths.iter().map(|length| *length as i64).collect()
    }
}

/// Packs trajectories in order into pieces of at most `max_tokens` tokens; a longer trajectory goes alone.
///
/// # Errors
/// As [`MicroBatch::new`].
pub fn micro_batches(trajectories: &[&Trajectory], max_tokens: usize, device: Device) -> Result<Vec<MicroBatch>> {
    split_by_tokens(trajectories, max_tokens, |trajectory| trajectory.ids.len())
        .into_iter()
        .map(|piece| MicroBatch::new(piece, device))
        .collect()
}

/// The numbers of a tensor `[targets]` by trajectory.
pub(crate) fn by_sequence(values: &Tensor, lengths: &[i64]) -> Vec<Vec<f32>> {
    values.split_with_sizes(lengths, 0).iter().map(floats).collect()
}

fn floats(tensor: &Tensor) -> Vec<f32> {
    let mut values = vec![0.0; tensor.numel()];
    tensor.detach().to_kind(Kind::Float).contiguous().copy_data(&mut values, tensor.numel());
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trajectory::Advantages;

    #[test]
    fn targets_line_up_with_their_numbers() {
        let trajectory = |ids: &[u32], targets: &[Range<usize>], advantages| Trajectory {
            ids: ids.to_vec(),
            targets: targets.to_vec(),
            rollout_logprobs: vec![-0.5; targets.iter().map(Range::len).sum()],
            advantages,
            reward: 0.0,
            value_targets: None,
        };
        let tool = trajectory(&[5, 6, 7, 8, 3, 2], &[2..3, 5..6], Advantages::Tokens(vec![1.0, 2.0]));
        let plain = trajectory(&[5, 6, 9], &[2..3], Advantages::Sequence(-1.0));
        let batches = micro_batches(&[&tool, &plain], 100, Device::Cpu).unwrap();
        assert_eq!(batches.len(), 1);
        assert_eq!(Vec::<i64>::try_from(&batches[0].packed.targets).unwrap(), [7, 2, 9]);
        assert_eq!(Vec::<f32>::try_from(&batches[0].advantages).unwrap(), [1.0, 2.0, -1.0]);
        assert_eq!(Vec::<i64>::try_from(&batches[0].packed.predicting).unwrap(), [1, 4, 7]);
        assert_eq!(by_sequence(&batches[0].advantages, &batches[0].target_lengths()), [vec![1.0, 2.0], vec![-1.0]]);

        let unordered = Trajectory { targets: vec![3..4, 2..3], ..tool.clone() };
        let first = Trajectory { targets: vec![0..1, 2..3], ..tool.clone() };
        let few = Trajectory { rollout_logprobs: vec![0.0], ..tool };
        for wrong in [unordered, first, few] {
            assert!(MicroBatch::new(&[&wrong], Device::Cpu).is_err());
        }
    }
}
