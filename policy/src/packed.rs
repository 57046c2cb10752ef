//! Sequences laid end to end, with a note of which tokens are targets.

use std::ops::Range;

use tch::{Device, Tensor};

use crate::attention::PackedAttention;
use crate::context_parallel::{ContextParallel, Stretch};

/// Place that the head reads and id of each target of a sequence.
type Targets = Vec<(usize, u32)>;

/// Packed sequences. The *targets* are the tokens that a head is asked about: those that a policy sampled, not its
/// prompt's nor a tool's.
///
/// Where ranks have a stretch of the tokens each ([`Packed::on`]), the tensors are those of this rank's stretch, and
/// the lengths those of the whole sequences.
#[derive(Debug)]
pub struct Packed {
    /// `[tokens]` int64: the token ids.
    pub ids: Tensor,
    /// `[tokens]` int64, counted from 0 in each sequence.
    pub positions: Tensor,
    /// Tokens of each sequence.
    pub lengths: Vec<usize>,
    /// `[targets]` int64: the packed place whose hidden state the head reads for each target.
    pub predicting: Tensor,
    /// `[targets]` int64: the id of each target; or `[targets, 1 + kept]`, beside it the ids that it was drawn among,
    /// padded with -1 ([`Packed::among`]).
    pub targets: Tensor,
    /// Targets of each sequence.
    pub target_lengths: Vec<usize>,
    /// The stretch that the tensors are; `None` where they are all.
    pub(crate) stretch: Option<Stretch>,
}

impl Packed {
    /// Packs sequences, each given as its ids and the ranges of its targets, in order and apart from one another. The
    /// head reads the hidden state before a target, which predicts it; a sequence's first token is never a target, for
    /// nothing predicts it.
    ///
    /// # Panics
    /// A range ends behind its sequence.
    pub fn new(sequences: &[(&[u32], &[Range<usize>])], device: Device) -> Self {
        let places = sequences.iter().map(|(ids, ranges)| {
            let targets = ranges.iter().cloned().flatten().filter(|place| *place > 0);
            (*ids, targets.map(|place| (place - 1, ids[place])).collect())
        });
        Self::pack(places.collect(), device)
    }

    /// The same where each target was drawn among these ids alone, one list a target, itself in it once: the language
    /// model's head normalises over them.
    ///
    /// # Panics
    /// There is another number of lists than of targets.
    #[must_use]
    pub fn among(self, kept: &[&[u32]]) -> Self {
        assert_eq!(kept.len() as i64, self.targets.size()[0], "one list a target");
        let width = kept.iter().map(|ids| ids.len()).max().unwrap_or(0);
        let mut padded = vec![-1; kept.len() * width];
        for (row, ids) in padded.chunks_exact_mut(width.max(1)).zip(kept) {
            row.iter_mut().zip(*ids).for_each(|(place, id)| *place = i64::from(*id));
        }
        let kept = Tensor::from_slice(&padded).view([kept.len() as i64, width as i64]).to_device(self.targets.device());
        let targets = Tensor::cat(&[self.targets.unsqueeze(1), kept], 1);
        Self { targets, ..self }
    }

    /// Packs sequences whose heads are asked once, at the last token, as a reward model is. The target is that token.
    pub fn at_ends(sequences: &[&[u32]], device: Device) -> Self {
        let places = sequences.iter().map(|ids| {
            let last = ids.len().checked_sub(1).map(|place| (place, ids[place]));
            (*ids, last.into_iter().collect())
        });
        Self::pack(places.collect(), device)
    }

    /// Each sequence comes with the place that is read and the id of each of its targets.
    fn pack(sequences: Vec<(&[u32], Targets)>, device: Device) -> Self {
        let (mut ids, mut positions, mut predicting, mut targets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut lengths, mut target_lengths) = (Vec::new(), Vec::new());
        for (sequence, places) in sequences {
            let start = ids.len() as i64;
            predicting.extend(places.iter().map(|(place, _)| start + *place as i64));
            targets.extend(places.iter().map(|(_, id)| i64::from(*id)));
            ids.extend(sequence.iter().map(|id| i64::from(*id)));
            positions.extend(0..sequence.len() as i64);
            lengths.push(sequence.len());
            target_lengths.push(places.len());
        }
        let tensor = |values: &[i64]| Tensor::from_slice(values).to_device(device);
        Self {
            ids: tensor(&ids),
            positions: tensor(&positions),
            lengths,
            predicting: tensor(&predicting),
            targets: tensor(&targets),
            target_lengths,
            stretch: None,
        }
    }

    /// This rank's stretch of the batch, which all of the ranks have whole before. They have stretches of one length,
    /// the last with padding, and are asked for outputs and gradients at once: each gets the outputs of all targets,
    /// and the gradient that comes from its stretch. What failed between them, [`ContextParallel::verify`] says.
    #[must_use]
    pub fn on(&self, context: &ContextParallel) -> Self {
        let predicting = Vec::<i64>::try_from(&self.predicting).expect("a flat int64 tensor");
        let stretch = Stretch::new(context, self.ids.size()[0], &predicting);
        let targets = stretch.targets();
        let own = |tensor: &Tensor| tensor.narrow(0, targets.start, targets.end - targets.start);
        Self {
            ids: stretch.of(&self.ids),
            positions: stretch.of(&self.positions),
            lengths: self.lengths.clone(),
            predicting: own(&self.predicting) - stretch.start(),
            targets: own(&self.targets),
            target_lengths: self.target_lengths.clone(),
            stretch: Some(stretch),
        }
    }

    /// Attention within each of these sequences.
    pub fn attention(&self) -> PackedAttention {
        PackedAttention::new(&self.lengths, self.ids.device()).over(self.stretch.clone())
    }
}
