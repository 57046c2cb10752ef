//! Sequences laid end to end, with a note of which tokens are predicted and scored.

use tch::{Device, Tensor};

use crate::attention::PackedAttention;

/// Packed sequences. The *targets* are the tokens whose logprobs are wanted: a completion's, not its prompt's.
#[derive(Debug)]
pub struct Packed {
    /// `[tokens]` int64: the token ids.
    pub ids: Tensor,
    /// `[tokens]` int64, counted from 0 in each sequence.
    pub positions: Tensor,
    /// Tokens of each sequence.
    pub lengths: Vec<usize>,
    /// `[targets]` int64: the packed place whose hidden state predicts each target.
    pub predicting: Tensor,
    /// `[targets]` int64: the id of each target.
    pub targets: Tensor,
    /// Targets of each sequence.
    pub target_lengths: Vec<usize>,
}

impl Packed {
    /// Packs sequences, each given as its ids and the number of leading tokens that are not targets. A sequence's first
    /// token is never a target: nothing predicts it.
    pub fn new(sequences: &[(&[u32], usize)], device: Device) -> Self {
        let (mut ids, mut positions, mut predicting, mut targets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut lengths, mut target_lengths) = (Vec::new(), Vec::new());
        for (sequence, prompt) in sequences {
            let start = ids.len() as i64;
            let first = (*prompt).max(1);
            for (position, id) in sequence.iter().enumerate() {
                if position >= first {
                    predicting.push(start + position as i64 - 1);
                    targets.push(i64::from(*id));
                }
                ids.push(i64::from(*id));
                positions.push(position as i64);
            }
            lengths.push(sequence.len());
            target_lengths.push(sequence.len().saturating_sub(first));
        }
        let tensor = |values: &[i64]| Tensor::from_slice(values).to_device(device);
        Self {
            ids: tensor(&ids),
            positions: tensor(&positions),
            lengths,
            predicting: tensor(&predicting),
            targets: tensor(&targets),
            target_lengths,
        }
    }

    /// Attention within each of these sequences.
    pub fn attention(&self) -> PackedAttention {
        PackedAttention::new(&self.lengths, self.ids.device())
    }
}
