//! The key-value cache: blocks of tokens, who holds them, and the memory behind them.

mod blocks;
mod gathered;
mod piece;
mod size;
mod tensors;

use kernels::BLOCK_TOKENS;

pub(crate) use self::blocks::{BlockId, Blocks, Writable};
pub(crate) use self::gathered::{GatheredPass, GatheredTensors};
pub(crate) use self::piece::{CachedPiece, CoresRows};
pub use self::size::CacheTokens;
pub(crate) use self::size::fitting_blocks;
pub(crate) use self::tensors::KvTensors;

/// Blocks that hold so many tokens.
pub(crate) fn blocks_of(num_tokens: usize) -> usize {
    num_tokens.div_ceil(BLOCK_TOKENS)
}
