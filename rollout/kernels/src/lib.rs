//! What a decoder computes between a row of hidden states and the next, in float32 on the cores of this machine:
//! products with packed matrices, norms, rotary embeddings, and attention over keys and values in blocks.
//!
//! [`Panels`] are rows of numbers, and a [`PackedMatrix`] multiplies them. A [`BlockStore`] holds the keys and values
//! of blocks of [`BLOCK_TOKENS`] tokens. A query reads those of its own sequence by the sequence's table of blocks,
//! wherever they lie: nothing is gathered, masked or padded. Each sum has one order, whatever stands beside its row in
//! a pass and however many threads there are; so a token has the same numbers, bit for bit, whether it is decoded or
//! prefilled in pieces of any length.
//!
//! [`ChainMatrix`], [`rms_norm`] and [`gate`] are the same one by one over plain rows, whose bits are those of every
//! processor: what training computes too.
//!
//! This crate must not know tensors, models, or who owns a block. All that it has of `unsafe` is in `x86.rs`, for the
//! processor's instructions, and in `threads.rs`.
//!
//! # Example
//! A token attends to itself alone, and so to its own value:
//!
//! ```
//! use kernels::{Attending, BlockStore, Place, Rows, Shape, Threads};
//!
//! let shape = Shape { num_layers: 1, num_kv_heads: 1, head_dim: 2 };
//! let mut store = BlockStore::new(shape);
//! store.grow(1)?;
//! let (key, value) = ([1.0f32, 2.0], [3.0f32, 4.0]);
//! let row = |numbers| Rows { numbers, stride: 2 };
//! store.write(0, &[Some(Place { block: 0, offset: 0 })], row(&key), row(&value));
//! let mut attended = [0.0f32; 2];
//! let token = Attending { table: &[0], start: 0, num_rows: 1 };
//! store.attend(0, &[token], row(&[5.0, 6.0]), &mut attended, &Threads::new(1));
//! assert_eq!(attended, value);
//! # Ok::<(), std::collections::TryReserveError>(())
//! ```

mod attend;
mod chain_product;
mod computation;
mod exponential;
mod gate;
mod heads;
mod lanes;
mod layout;
mod matrix;
mod norm;
mod panels;
mod product;
mod rows;
mod store;
mod threads;
mod tile;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use self::attend::Attending;
pub use self::chain_product::ChainMatrix;
pub use self::exponential::{LEAST, exponential};
pub use self::gate::gate;
pub use self::heads::NewRows;
pub use self::layout::{BLOCK_TOKENS, Place, Shape};
pub use self::matrix::{PackedMatrix, PlainMatrix};
pub use self::norm::{Norm, rms_norm};
pub use self::panels::Panels;
pub use self::product::Output;
pub use self::rows::Rows;
pub use self::store::BlockStore;
pub use self::threads::Threads;
