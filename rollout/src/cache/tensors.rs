//! The memory behind the blocks, on cores or on another device.

use kernels::{BlockStore, Shape};
use policy::{ModelConfig, Placement};
use tch::{Device, Kind};

use super::blocks::BlockId;
use super::gathered::GatheredTensors;
use crate::error::RolloutError;

/// Keys and values of all blocks.
#[derive(Debug)]
pub(crate) enum KvTensors {
    /// Read in place by kernels of our own.
    Cores(BlockStore),
    /// Gathered for libtorch's.
    Gathered(GatheredTensors),
}

impl KvTensors {
    /// No block yet, of a model's or a share's keys and values.
    pub(crate) fn new(config: &ModelConfig, placement: Placement) -> Self {
        let shape = shape_of(config);
        match (placement.device, placement.kind) {
            // Other types are libtorch's: it rounds to them as it does in training, and logprobs show where not.
            (Device::Cpu, Kind::Float) => Self::Cores(BlockStore::new(shape)),
            _ => Self::Gathered(GatheredTensors::new(config, placement)),
        }
    }

    /// Makes memory for so many blocks of at most `most_blocks`.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn grow(&mut self, num_blocks: usize, most_blocks: usize) -> Result<(), RolloutError> {
        let allocated = match self {
            Self::Cores(store) => store.grow(num_blocks).map_err(|error| error.to_string()),
            Self::Gathered(tensors) => tensors.grow(num_blocks, most_blocks).map_err(|error| error.to_string()),
        };
        allocated.map_err(|reason| RolloutError::CacheAllocation { num_blocks, reason })
    }

    /// Makes the second block of each pair what the first is, one pair after the other.
    pub(crate) fn copy(&mut self, copies: &[(BlockId, BlockId)]) {
        for &(from, to) in copies {
            match self {
                Self::Cores(store) => store.copy(from, to),
                Self::Gathered(tensors) => tensors.copy(from, to),
            }
        }
    }
}

/// Sizes of a model's keys and values.
fn shape_of(config: &ModelConfig) -> Shape {
    Shape {
        num_layers: config.num_hidden_layers as usize,
        num_kv_heads: config.num_key_value_heads as usize,
        head_dim: config.head_dim as usize,
    }
}
