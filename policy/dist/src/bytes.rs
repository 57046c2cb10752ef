//! Bytes of any length between the ranks of a group: their lengths go first, then their content.
//!
//! Each is two of the group's operations, or one where there is nothing to send. Knows not what the bytes mean.

use tch::{Device, Kind, Tensor};

use crate::error::DistError;
use crate::group::ProcessGroup;

impl ProcessGroup {
    /// The bytes of the group's rank `root`, on every rank; those of the others are not looked at.
    ///
    /// # Errors
    /// No such rank; a peer is gone or the time-out has passed.
    pub fn broadcast_bytes(&self, own: &[u8], root: usize) -> Result<Vec<u8>, DistError> {
        let mut length = Tensor::from_slice(&[own.len() as i64]);
        self.broadcast(&mut length, root)?;
        let length = length.int64_value(&[0]);
        if length == 0 || self.is_alone() {
            return Ok(if length == 0 { Vec::new() } else { own.to_vec() });
        }
        let mut content = if self.rank() == root {
            Tensor::from_slice(own)
        } else {
            Tensor::zeros([length], (Kind::Uint8, Device::Cpu))
        };
        self.broadcast(&mut content, root)?;
        Ok(to_vec(&content))
    }

    /// The bytes of every rank, in the order of the ranks; their lengths may differ.
    ///
    /// Each rank receives as many times the longest as there are ranks.
    ///
    /// # Errors
    /// A peer is gone or the time-out has passed.
    pub fn all_gather_bytes(&self, own: &[u8]) -> Result<Vec<Vec<u8>>, DistError> {
        let lengths = self.all_gather(&Tensor::from_slice(&[own.len() as i64]))?;
        let lengths: Vec<i64> = (0..self.size()).map(|rank| lengths.int64_value(&[rank as i64])).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        if longest == 0 {
            return Ok(vec![Vec::new(); self.size()]);
        }
        let padded = Tensor::zeros([longest], (Kind::Uint8, Device::Cpu));
        let mut head = padded.narrow(0, 0, own.len() as i64);
        head.copy_(&Tensor::from_slice(own));
        let all = self.all_gather(&padded)?;
        let of_rank = |(rank, length): (usize, &i64)| to_vec(&all.narrow(0, rank as i64 * longest, *length));
        Ok(lengths.iter().enumerate().map(of_rank).collect())
    }

    /// The bytes that the group's rank `root` has for this rank: `parts` on the root are one for each rank, and empty
    /// on the others.
    ///
    /// # Errors
    /// The root has not as many parts as there are ranks, or no such rank; a peer is gone or the time-out has passed.
    pub fn scatter_bytes(&self, parts: &[Vec<u8>], root: usize) -> Result<Vec<u8>, DistError> {
        let (size, is_root) = (self.size(), self.rank() == root);
        if is_root && parts.len() != size {
            return Err(self.refuse("scatter_bytes", format!("{} parts for {size} ranks", parts.len())));
        }
        let of_root: Vec<i64> = if is_root { lengths(parts) } else { vec![0; size] };
        let mut all = Tensor::from_slice(&of_root);
        self.broadcast(&mut all, root)?;
        let mut expected = vec![0; size];
        expected[root] = all.int64_value(&[self.rank() as i64]);
        let sent = if is_root { parts.concat() } else { Vec::new() };
        Ok(to_vec(&self.all_to_all(&Tensor::from_slice(&sent), &of_root, &expected)?))
    }

    /// The bytes of every rank on the group's rank `root`, in the order of the ranks; nothing on the others.
    ///
    /// # Errors
    /// No such rank; a peer is gone or the time-out has passed.
    pub fn gather_bytes(&self, own: &[u8], root: usize) -> Result<Vec<Vec<u8>>, DistError> {
        let all = self.all_gather(&Tensor::from_slice(&[own.len() as i64]))?;
        let of_ranks: Vec<i64> = (0..self.size()).map(|rank| all.int64_value(&[rank as i64])).collect();
        let is_root = self.rank() == root;
        let mut sent = vec![0; self.size()];
        let to = sent.get_mut(root).ok_or_else(|| self.refuse("gather_bytes", format!("there is no rank {root}")))?;
        *to = own.len() as i64;
        let expected = if is_root { of_ranks.clone() } else { vec![0; self.size()] };
        let received = to_vec(&self.all_to_all(&Tensor::from_slice(own), &sent, &expected)?);
        if !is_root {
            return Ok(Vec::new());
        }
        let mut rest = received.as_slice();
        let mut next = |length: &i64| {
            let (own, others) = rest.split_at(*length as usize);
            rest = others;
            own.to_vec()
        };
        Ok(of_ranks.iter().map(&mut next).collect())
    }
}

fn lengths(parts: &[Vec<u8>]) -> Vec<i64> {
    parts.iter().map(|part| part.len() as i64).collect()
}

/// The elements of a tensor of bytes.
fn to_vec(bytes: &Tensor) -> Vec<u8> {
    let mut content = vec![0; bytes.numel()];
    if !content.is_empty() {
        let length = content.len();
        bytes.contiguous().copy_data_u8(&mut content, length);
    }
    content
}
