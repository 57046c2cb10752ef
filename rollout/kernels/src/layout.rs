//! Where a block's numbers lie, as attention reads them.
//!
//! Layer by layer and key-value head by head: the head's keys `[head_dim, tokens]`, so that a query's product with
//! sixteen keys adds whole registers and sums up none; then its values `[tokens, head_dim]`, each with zeros up to a
//! multiple of sixteen.

use crate::lanes::WIDTH;

/// Tokens of a block.
pub const BLOCK_TOKENS: usize = 16;

/// Sizes of a model's keys and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Blocks of the model.
    pub num_layers: usize,
    /// Heads of keys and values.
    pub num_kv_heads: usize,
    /// Numbers of a key, and of a value.
    pub head_dim: usize,
}

impl Shape {
    /// Registers that a value takes.
    pub(crate) fn value_lanes(&self) -> usize {
        self.head_dim.div_ceil(WIDTH)
    }

    pub(crate) fn head_len(&self) -> usize {
        BLOCK_TOKENS * (self.head_dim + self.value_lanes() * WIDTH)
    }

    /// Numbers of a block.
    pub(crate) fn block_len(&self) -> usize {
        self.num_layers * self.num_kv_heads * self.head_len()
    }

    /// Place of a head's numbers in a block.
    pub(crate) fn head_at(&self, layer: usize, kv_head: usize) -> usize {
        (layer * self.num_kv_heads + kv_head) * self.head_len()
    }
}

/// Place of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its block.
    pub block: u32,
    /// Its number in the block.
    pub offset: usize,
}

/// Keys and values of one head in a layer.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) blocks: &'a [Box<[f32]>],
    pub(crate) shape: &'a Shape,
    /// Its place in a block.
    pub(crate) at: usize,
}

impl<'a> Head<'a> {
    /// A block's keys, `[head_dim]` times a number of each token, with what stands behind them up to `[tokens,
    /// value_lanes]` lines; or its values, `[tokens, value_lanes]`.
    #[inline(always)]
    pub(crate) fn lines(&self, block: u32, is_values: bool) -> &'a [[f32; WIDTH]] {
        let begin = self.at + if is_values { BLOCK_TOKENS * self.shape.head_dim } else { 0 };
        self.blocks[block as usize][begin..][..BLOCK_TOKENS * self.shape.value_lanes() * WIDTH].as_chunks().0
    }
}

// A register holds one number of each of a block's tokens.
const _: () = assert!(BLOCK_TOKENS == WIDTH);
