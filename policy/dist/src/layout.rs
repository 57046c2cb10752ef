//! How the ranks of a job are laid out: axes replica, shard, context and tensor, the last the fastest.
//!
//! Arithmetic of numbers alone; no group is made here. Rank = ((replica * S + shard) * C + context) * T + tensor, for
//! axes of the lengths S, C and T.

use crate::error::DistError;

/// An axis of a mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Copies of the whole model, each with its part of the data.
    Replica,
    /// Parts of every weight, each rank with its part of the data.
    Shard,
    /// Parts of a sequence.
    Context,
    /// Parts of every matrix product.
    Tensor,
}

impl Axis {
    /// The axes, the slowest first.
    pub const ALL: [Self; 4] = [Self::Replica, Self::Shard, Self::Context, Self::Tensor];

    /// Name of the axis and of its field in a [`Layout`].
    pub fn name(self) -> &'static str {
        ["replica", "shard", "context", "tensor"][self as usize]
    }
}

/// Lengths of the axes as they are configured: from 1, and -1 for one that takes what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Number of copies of the model.
    pub replica: i64,
    /// Number of parts of the weights.
    pub shard: i64,
    /// Number of parts of a sequence.
    pub context: i64,
    /// Number of parts of a matrix product.
    pub tensor: i64,
}

impl Layout {
    /// The lengths of the axes for a job of `world_size` ranks.
    ///
    /// # Errors
    /// A length is neither from 1 nor -1, more than one is -1, or the product is not `world_size`.
    pub fn resolve(self, world_size: usize) -> Result<Shape, DistError> {
        let given = [self.replica, self.shard, self.context, self.tensor];
        let refuse = |axis: Axis, reason: String| Err(DistError::Layout { field: axis.name(), reason });
        let mut lengths = [1; 4];
        let mut filled = None;
        for (axis, length) in Axis::ALL.into_iter().zip(given) {
            match (length, filled) {
                (-1, None) => filled = Some(axis),
                (-1, Some(other)) => {
                    let reason = format!("is -1, and so is `{}`; one of them at most takes what is left", other.name());
                    return refuse(axis, reason);
                }
                (1.., _) => lengths[axis as usize] = usize::try_from(length).unwrap_or(usize::MAX),
                _ => return refuse(axis, format!("is {length}; give a number from 1, or -1 for what is left")),
            }
        }
        let product = lengths.iter().fold(1usize, |product, &length| product.saturating_mul(length));
        match filled {
            Some(axis) if product == 0 || !world_size.is_multiple_of(product) || world_size == 0 => refuse(
                axis,
                format!(
                    "takes what is left, but the others make {product}, which does not divide the {world_size} ranks \
                     (WORLD_SIZE)"
                ),
            ),
            Some(axis) => {
                lengths[axis as usize] = world_size / product;
                Ok(Shape(lengths))
            }
            None if product != world_size => {
                // The axis whose length is most likely meant otherwise: the longest.
                let longest = Axis::ALL.into_iter().rev().max_by_key(|&axis| lengths[axis as usize]);
                let [replica, shard, context, tensor] = lengths;
                let reason = format!(
                    "replica {replica} x shard {shard} x context {context} x tensor {tensor} makes {product}, but \
                     there are {world_size} ranks (WORLD_SIZE); set one field to -1, or start {product} ranks"
                );
                refuse(longest.unwrap_or(Axis::Shard), reason)
            }
            None => Ok(Shape(lengths)),
        }
    }
}

/// Lengths of the axes, each from 1, in the order of [`Axis::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape([usize; 4]);

impl Shape {
    /// Number of ranks.
    pub fn num_ranks(self) -> usize {
        self.0.iter().product()
    }

    /// Length of an axis.
    pub fn length(self, axis: Axis) -> usize {
        self.0[axis as usize]
    }

    /// Where `rank` stands on each axis, in the order of [`Axis::ALL`].
    pub fn coordinates(self, rank: usize) -> [usize; 4] {
        let mut left = rank;
        let mut coordinates = [0; 4];
        for index in (0..4).rev() {
            coordinates[index] = left % self.0[index];
            left /= self.0[index];
        }
        coordinates
    }

    /// The rank at coordinates in the order of [`Axis::ALL`].
    pub fn rank(self, coordinates: [usize; 4]) -> usize {
        coordinates.iter().zip(self.0).fold(0, |rank, (coordinate, length)| rank * length + coordinate)
    }

    /// The ranks that differ from `rank` on `axes` alone, `rank` among them, in ascending order.
    pub fn peers(self, rank: usize, axes: &[Axis]) -> Vec<usize> {
        let own = self.coordinates(rank);
        let is_peer = |&other: &usize| {
            let coordinates = self.coordinates(other);
            Axis::ALL.into_iter().all(|axis| axes.contains(&axis) || coordinates[axis as usize] == own[axis as usize])
        };
        (0..self.num_ranks()).filter(is_peer).collect()
    }
}
