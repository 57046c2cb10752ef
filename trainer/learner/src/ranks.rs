//! The ranks that an update is spread over, each with its part of the batch, and those that compute one model, or walk
//! through one micro-batch, together.
//!
//! Sums and gathers numbers; every rank gets the same. Knows no models.

use std::sync::Arc;

use anyhow::Result;
use policy::dist::{DistError, GraphGroup, ProcessGroup, Reduction};
use policy::{ContextParallel, Decoder, Packed};
use tch::{Kind, Tensor};

/// The ranks that have different trajectories of one batch; all of them update at once.
#[derive(Debug)]
pub struct Ranks {
    group: ProcessGroup,
    /// Ranks that have the same trajectories, and other shares of the models.
    tensor: Option<Arc<GraphGroup>>,
    /// Ranks that have the same trajectories, and other stretches of each micro-batch's tokens.
    context: Option<ContextParallel>,
}

impl Ranks {
    /// The ranks of a group, which is for this alone.
    pub fn new(group: ProcessGroup) -> Self {
        Self { group, tensor: None, context: None }
    }

    /// The same where each of these ranks is one of a tensor group, over which the models are cut; the group is that of
    /// the models.
    #[must_use]
    pub fn with_tensor(self, tensor: &Arc<GraphGroup>) -> Self {
        Self { tensor: Some(tensor.clone()), ..self }
    }

    /// The same where each of these ranks is one of several that walk through its micro-batches together, each with a
    /// stretch of the tokens. To the weights these ranks are replicas.
    #[must_use]
    pub fn with_context(self, context: ContextParallel) -> Self {
        Self { context: Some(context), ..self }
    }

    /// Number of ranks that have the same trajectories, and other stretches of their tokens.
    pub fn context_size(&self) -> usize {
        self.context.as_ref().map_or(1, ContextParallel::size)
    }

    /// Leaves of a batch this rank's stretch, where others have stretches of it.
    pub(crate) fn take_stretch(&self, packed: &mut Packed) {
        if let Some(context) = &self.context {
            *packed = packed.on(context);
        }
    }

    /// Holds a decoder that the update walks through to be one that the ranks can.
    ///
    /// # Errors
    /// Its heads cannot be shared by the ranks that have stretches.
    pub fn fits(&self, decoder: &Decoder) -> Result<()> {
        Ok(self.context.as_ref().map_or(Ok(()), |context| context.fits(decoder.local_config()))?)
    }

    /// Holds what was summed, and what was computed in stretches, so far to be what it should.
    ///
    /// # Errors
    /// An operation between the ranks failed.
    pub(crate) fn verify(&self) -> Result<()> {
        self.group.settle()?;
        Ok(self.context.as_ref().map_or(Ok(()), ContextParallel::verify)?)
    }

    /// Number of ranks that have the same trajectories, and other shares of the models.
    pub fn tensor_size(&self) -> usize {
        self.tensor.as_ref().map_or(1, |tensor| tensor.size())
    }

    /// Number of ranks that have different trajectories.
    pub fn size(&self) -> usize {
        self.group.size()
    }

    /// Overwrites a gradient, of one shape on all ranks, with the sum of what comes of all trajectories and stretches.
    pub(crate) fn sum_gradient(&self, gradient: &mut Tensor) -> Result<()> {
        if let Some(context) = &self.context {
            gradient.copy_(&context.summed(gradient));
            context.verify()?;
        }
        Ok(self.group.all_reduce(gradient, Reduction::Sum)?)
    }

    /// Sums of as many numbers on each rank; not finite where one is not.
    pub(crate) fn sums<const N: usize>(&self, numbers: [f64; N]) -> Result<[f64; N], DistError> {
        let mut sums = [0.0; N];
        for numbers in self.gathered(&numbers)? {
            sums.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
        }
        Ok(sums)
    }

    /// A loss, which all shares of a model have alike, and the sum of what each has of the squares of a gradient: the
    /// same bits on each.
    pub(crate) fn over_shares(&self, [loss, squares]: [f64; 2]) -> Result<[f64; 2], Arc<DistError>> {
        let Some(tensor) = &self.tensor else { return Ok([loss, squares]) };
        let [losses, squares] = tensor.sums([loss, squares])?;
        Ok([losses / tensor.size() as f64, squares])
    }

    /// The numbers of each rank, as many on each, in the order of the ranks.
    pub(crate) fn gathered(&self, numbers: &[f64]) -> Result<Vec<Vec<f64>>, DistError> {
        let all = self.group.all_gather(&Tensor::from_slice(numbers))?;
        let mut values = vec![0.0; numbers.len() * self.size()];
        all.to_kind(Kind::Double).contiguous().copy_data(&mut values, numbers.len() * self.size());
        Ok(values.chunks(numbers.len()).map(<[f64]>::to_vec).collect())
    }

    /// The values of all ranks end to end, in the order of the ranks; each may have another number of them.
    pub(crate) fn joined(&self, values: &[f32]) -> Result<Vec<f32>, DistError> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let all = self.group.all_gather_bytes(&bytes)?.concat();
        Ok(all.chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])).collect())
    }

    /// The largest count of all ranks.
    pub(crate) fn largest(&self, count: usize) -> Result<usize, DistError> {
        Ok(self.gathered(&[count as f64])?.into_iter().flatten().fold(0.0, f64::max) as usize)
    }
}

/// The pieces of this rank, as many as every other has: empty ones follow where a rank has fewer. Ranks that compute
/// together walk as often as one another, so an empty piece stands for a pass that counts for nothing.
///
/// # Errors
/// An operation between the ranks failed.
pub fn as_many_on<'a, T>(ranks: Option<&Ranks>, mut pieces: Vec<&'a [T]>) -> Result<Vec<&'a [T]>, DistError> {
    if let Some(ranks) = ranks {
        let most = ranks.largest(pieces.len())?;
        pieces.resize(most, &[]);
    }
    Ok(pieces)
}
