//! Trajectories packed for the model.

use std::ops::Range;

use anyhow::{Result, ensure};
use policy::Packed;
use tch::{Device, Kind, Tensor};

use crate::aggregation::{Divisor, Sequences};
use crate::ranks::Ranks;
use crate::token_split::split_by_tokens;
use crate::trajectory::{Trajectory, TrajectoryGroup};

/// Trajectories that go through the model at once, packed. Tensors are `[targets]` float32, and absent where a
/// trajectory lacks them.
#[derive(Debug)]
pub struct MicroBatch {
    /// Tokens; the targets are those that the policy sampled. Where ranks have stretches of the tokens, this rank's.
    pub packed: Packed,
    /// Places of the trajectories among the targets.
    pub sequences: Sequences,
    /// Logprobs that were recorded while sampling.
    pub rollout_logprobs: Tensor,
    /// Advantages.
    pub advantages: Tensor,
    /// Logprobs of the old policy.
    pub old_logprobs: Option<Tensor>,
    /// Logprobs of the frozen policy.
    pub reference_logprobs: Option<Tensor>,
    /// Values before the step's first update.
    pub old_values: Option<Tensor>,
    /// Returns that the values should be.
    pub returns: Option<Tensor>,
    /// `[targets]` bool, all true: only targets are packed as such. All false in padding.
    pub mask: Tensor,
    /// True where it holds no trajectory, but a token that is not learned from, to take part in what ranks do together.
    pub is_padding: bool,
}

impl MicroBatch {
    /// Packs trajectories end to end.
    ///
    /// # Errors
    /// There is none, one's numbers do not belong to its targets, or some have kept ids and others none.
    pub fn new(trajectories: &[&Trajectory], device: Device) -> Result<Self> {
        trajectories.iter().try_for_each(|trajectory| trajectory.validate())?;
        let sequences: Vec<(&[u32], &[Range<usize>])> =
            trajectories.iter().map(|trajectory| (trajectory.ids.as_slice(), trajectory.targets.as_slice())).collect();
        let packed = Packed::new(&sequences, device);
        let with_kept: Vec<&Vec<Vec<u32>>> = trajectories.iter().filter_map(|it| it.kept_ids.as_ref()).collect();
        ensure!(
            with_kept.is_empty() || with_kept.len() == trajectories.len(),
            "kept_ids: {} of {} trajectories have them; logprobs over other ids cannot be told apart",
            with_kept.len(),
            trajectories.len()
        );
        let kept: Vec<&[u32]> = with_kept.into_iter().flatten().map(Vec::as_slice).collect();
        let packed = if kept.is_empty() { packed } else { packed.among(&kept) };
        let ends = packed.target_lengths.iter().scan(0, |end, length| {
            *end += *length as i64;
            Some(*end)
        });
        let cu_seqlens: Vec<i64> = std::iter::once(0).chain(ends).collect();
        let tensor = |values: &[f32]| Tensor::from_slice(values).to_device(device);
        let optional = |of: fn(&Trajectory) -> Option<&Vec<f32>>| {
            let lists: Option<Vec<&Vec<f32>>> = trajectories.iter().map(|trajectory| of(trajectory)).collect();
            lists.map(|lists| tensor(&lists.into_iter().flatten().copied().collect::<Vec<_>>()))
        };
        let advantages: Vec<f32> = trajectories.iter().flat_map(|trajectory| trajectory.token_advantages()).collect();
        let logprobs: Vec<f32> =
            trajectories.iter().flat_map(|trajectory| trajectory.rollout_logprobs.iter().copied()).collect();
        Ok(Self {
            sequences: Sequences::from_cu_seqlens(&cu_seqlens)?,
            rollout_logprobs: tensor(&logprobs),
            advantages: tensor(&advantages),
            old_logprobs: optional(|it| it.old_logprobs.as_ref()),
            reference_logprobs: optional(|it| it.reference_logprobs.as_ref()),
            old_values: optional(|it| it.old_values.as_ref()),
            returns: optional(|it| it.returns.as_ref()),
            mask: Tensor::ones([logprobs.len() as i64], (Kind::Bool, device)),
            packed,
            is_padding: false,
        })
    }

    /// Two tokens whose one target is masked, for a rank that has less to walk than another.
    fn padding(device: Device) -> Result<Self> {
        let none = Some(vec![0.0]);
        let blank = Trajectory {
            ids: vec![0; 2],
            targets: vec![Range { start: 1, end: 2 }],
            rollout_logprobs: vec![0.0],
            old_logprobs: none.clone(),
            reference_logprobs: none.clone(),
            old_values: none.clone(),
            returns: none,
            ..Trajectory::default()
        };
        let packed = Self::new(&[&blank], device)?;
        Ok(Self { mask: packed.mask.zeros_like(), is_padding: true, ..packed })
    }

    /// Number of targets of each trajectory.
    pub fn target_lengths(&self) -> Vec<i64> {
        self.packed.target_lengths.iter().map(|length| *length as i64).collect()
    }

    /// The numbers of a tensor `[targets]` by trajectory.
    pub fn by_trajectory(&self, values: &Tensor) -> Vec<Vec<f32>> {
        if self.is_padding {
            return Vec::new();
        }
        values.split_with_sizes(self.target_lengths(), 0).iter().map(floats).collect()
    }
}

fn floats(tensor: &Tensor) -> Vec<f32> {
    let mut values = vec![0.0; tensor.numel()];
    tensor.detach().to_kind(Kind::Float).contiguous().copy_data(&mut values, tensor.numel());
    values
}

/// Trajectories of one optimizer update, packed, and the counts that its losses are divided by.
#[derive(Debug)]
pub struct Minibatch {
    /// Pieces that go through the model one after the other.
    pub micro_batches: Vec<MicroBatch>,
    /// Counts of the whole minibatch.
    pub divisor: Divisor,
}

impl Minibatch {
    /// Packs trajectories in order into pieces of at most `max_tokens` tokens; a longer trajectory goes alone.
    ///
    /// # Errors
    /// As [`MicroBatch::new`].
    pub fn new<'a>(
        trajectories: impl IntoIterator<Item = &'a Trajectory>,
        max_tokens: usize,
        device: Device,
    ) -> Result<Self> {
        let trajectories: Vec<&Trajectory> = trajectories.into_iter().collect();
        let pieces = split_by_tokens(&trajectories, max_tokens, |trajectory| trajectory.ids.len());
        let micro_batches =
            pieces.into_iter().map(|piece| MicroBatch::new(piece, device)).collect::<Result<Vec<_>>>()?;
        let divisor = Divisor::from_counts(micro_batches.iter().flat_map(MicroBatch::target_lengths));
        Ok(Self { micro_batches, divisor })
    }

    /// The same of whole groups; the counts have their masked sequences too.
    ///
    /// # Errors
    /// As [`MicroBatch::new`].
    pub fn of_groups(groups: &[TrajectoryGroup], max_tokens: usize, device: Device) -> Result<Self> {
        let mut batch = Self::new(groups.iter().flat_map(|group| &group.trajectories), max_tokens, device)?;
        batch.divisor.num_sequences += groups.iter().map(|group| group.num_masked as i64).sum::<i64>();
        Ok(batch)
    }

    /// The part of a minibatch that is this rank's, of whole trajectories or a stretch of their tokens: counts are
    /// those of all ranks, and there are as many micro-batches on each. Without other ranks it is the whole.
    ///
    /// # Errors
    /// An operation between the ranks failed.
    pub fn on(mut self, ranks: Option<&Ranks>, device: Device) -> Result<Self> {
        let Some(ranks) = ranks else { return Ok(self) };
        let Divisor { num_tokens, num_sequences, num_trained_sequences } = self.divisor;
        let counts = [num_tokens, num_sequences, num_trained_sequences].map(|count| count as f64);
        let [num_tokens, num_sequences, num_trained_sequences] = ranks.sums(counts)?.map(|count| count as i64);
        self.divisor = Divisor { num_tokens, num_sequences, num_trained_sequences };
        let num_micro_batches = ranks.largest(self.micro_batches.len())?;
        while self.micro_batches.len() < num_micro_batches {
            self.micro_batches.push(MicroBatch::padding(device)?);
        }
        for micro_batch in &mut self.micro_batches {
            ranks.take_stretch(&mut micro_batch.packed);
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregation::Aggregation;
    use crate::trajectory::Advantages;

    #[test]
    fn targets_line_up_with_their_numbers() {
        let trajectory = |ids: &[u32], targets: &[Range<usize>], advantages| Trajectory {
            ids: ids.to_vec(),
            targets: targets.to_vec(),
            rollout_logprobs: vec![-0.5; targets.iter().map(Range::len).sum()],
            advantages,
            ..Trajectory::default()
        };
        let tool = trajectory(&[5, 6, 7, 8, 3, 2], &[2..3, 5..6], Advantages::Tokens(vec![1.0, 2.0]));
        let plain = trajectory(&[5, 6, 9], std::slice::from_ref(&(2..3)), Advantages::Sequence(-1.0));
        let batches = Minibatch::new([&tool, &plain], 100, Device::Cpu).unwrap().micro_batches;
        assert_eq!(batches.len(), 1);
        assert_eq!(Vec::<i64>::try_from(&batches[0].packed.targets).unwrap(), [7, 2, 9]);
        assert_eq!(Vec::<f32>::try_from(&batches[0].advantages).unwrap(), [1.0, 2.0, -1.0]);
        assert_eq!(Vec::<i64>::try_from(&batches[0].packed.predicting).unwrap(), [1, 4, 7]);
        assert_eq!(batches[0].by_trajectory(&batches[0].advantages), [vec![1.0, 2.0], vec![-1.0]]);
        assert!(batches[0].old_logprobs.is_none());

        let unordered = Trajectory { targets: vec![3..4, 2..3], ..tool.clone() };
        let first = Trajectory { targets: vec![0..1, 2..3], ..tool.clone() };
        let few = Trajectory { rollout_logprobs: vec![0.0], ..tool.clone() };
        let many = Trajectory { old_logprobs: Some(vec![0.0; 3]), ..tool };
        for wrong in [unordered, first, few, many] {
            assert!(MicroBatch::new(&[&wrong], Device::Cpu).is_err());
        }
        let kept = |kept_ids: &[&[u32]]| {
            let kept_ids = Some(kept_ids.iter().map(|ids| ids.to_vec()).collect());
            MicroBatch::new(&[&Trajectory { kept_ids, ..plain.clone() }], Device::Cpu)
        };
        assert_eq!(kept(&[&[4, 9, 11]]).unwrap().packed.targets.size(), [1, 4]);
        for (wrong, said) in [(&[&[4, 8][..]][..], "stands 0 times"), (&[&[9, 9]], "stands 2 times"), (&[], "0 sets")] {
            let error = kept(wrong).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        let some = Trajectory { kept_ids: Some(vec![vec![9]]), ..plain.clone() };
        let error = MicroBatch::new(&[&plain, &some], Device::Cpu).unwrap_err().to_string();
        assert!(error.contains("1 of 2 trajectories"), "{error}");
        let untaught = trajectory(&[5, 6, 9], std::slice::from_ref(&(2..2)), Advantages::Sequence(1.0));
        let error = MicroBatch::new(&[&plain, &untaught], Device::Cpu).unwrap_err().to_string();
        assert!(error.contains("has no targets"), "{error}");
    }

    #[test]
    fn masked_sequences_are_counted_and_not_learned_from() {
        let trajectory = Trajectory {
            ids: vec![5, 6, 9],
            targets: std::iter::once(1..3).collect(),
            rollout_logprobs: vec![-0.5; 2],
            ..Trajectory::default()
        };
        let groups = [
            TrajectoryGroup { trajectories: vec![trajectory.clone(); 2], num_masked: 3 },
            TrajectoryGroup::from(vec![trajectory]),
        ];
        let batch = Minibatch::of_groups(&groups, 100, Device::Cpu).unwrap();
        assert_eq!(batch.divisor, Divisor { num_tokens: 6, num_sequences: 6, num_trained_sequences: 3 });
        let sum = |aggregation: Aggregation| {
            let micro_batch = &batch.micro_batches[0];
            let weights = aggregation.token_weights(&micro_batch.mask, &micro_batch.sequences, &batch.divisor);
            weights.sum(Kind::Double).double_value(&[])
        };
        assert!((sum(Aggregation::SequenceMean) - 1.0).abs() < 1e-6);
        assert!((sum(Aggregation::SequenceMeanCountingEmpty) - 0.5).abs() < 1e-6);
        assert!((sum(Aggregation::Constant { length: 4 }) - 6.0 / 24.0).abs() < 1e-6);
    }
}
