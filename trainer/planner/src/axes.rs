//! The lengths of a layout's axes, and which links its groups use.
//!
//! Ranks are numbered with the tensor axis fastest, then context, shard and replicas, as `policy::dist` lays them out.

use std::fmt;

use serde::Serialize;

/// Lengths of the axes, each from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Axes {
    /// Copies of the whole model, each with its part of the data.
    pub replicate: u64,
    /// Pieces of every weight, each rank with its part of the data.
    pub shard: u64,
    /// Parts of a sequence.
    pub context: u64,
    /// Parts of every matrix product.
    pub tensor: u64,
}

impl Axes {
    /// A process by itself.
    pub const ONE: Self = Self { replicate: 1, shard: 1, context: 1, tensor: 1 };

    /// Number of ranks, one a GPU.
    pub fn num_ranks(&self) -> u64 {
        self.replicate * self.shard * self.context * self.tensor
    }

    /// Number of ranks that have different sequences.
    pub(crate) fn num_data(&self) -> u64 {
        self.replicate * self.shard
    }

    /// Number of engines: every `tensor` ranks sample with one copy of the weights.
    pub(crate) fn num_engines(&self) -> u64 {
        self.replicate * self.shard * self.context
    }

    /// True where the weights are cut, so that sampling needs a copy that is not.
    pub(crate) fn is_cut(&self) -> bool {
        self.shard > 1
    }

    /// GPUs from the first to the last of a group of each axis: replicate, shard, context, tensor.
    pub(crate) fn spans(&self) -> [u64; 4] {
        let context = self.tensor * self.context;
        let shard = context * self.shard;
        [shard * self.replicate, shard, context, self.tensor]
    }
}

impl fmt::Display for Axes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { replicate, shard, context, tensor } = self;
        write!(f, "replicate {replicate} x shard {shard} x context {context} x tensor {tensor}")
    }
}
