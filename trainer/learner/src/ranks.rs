//! The ranks that an update is spread over, each with its part of the batch.
//!
//! Sums and gathers numbers; every rank gets the same. Knows no models.

use policy::dist::{DistError, ProcessGroup, Reduction};
use tch::{Kind, Tensor};

/// The ranks that have different trajectories of one batch; all of them update at once.
#[derive(Debug)]
pub struct Ranks {
    group: ProcessGroup,
}

impl Ranks {
    /// The ranks of a group, which is for this alone.
    pub fn new(group: ProcessGroup) -> Self {
        Self { group }
    }

    /// Number of ranks.
    pub fn size(&self) -> usize {
        self.group.size()
    }

    /// Overwrites a tensor, of one shape on all ranks, with the sum of theirs.
    pub(crate) fn sum_into(&self, tensor: &mut Tensor) -> Result<(), DistError> {
        self.group.all_reduce(tensor, Reduction::Sum)
    }

    /// Sums of as many numbers on each rank; not finite where one is not.
    pub(crate) fn sums<const N: usize>(&self, numbers: [f64; N]) -> Result<[f64; N], DistError> {
        let mut sums = [0.0; N];
        for numbers in self.gathered(&numbers)? {
            sums.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
        }
        Ok(sums)
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
