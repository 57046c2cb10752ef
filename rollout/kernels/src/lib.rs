//! The loops of a decoder on the cores of this machine, whose results have one order of sums: attention over keys and
//! values in blocks, products with a packed matrix, norms and gates.
//!
//! A [`BlockStore`] holds the keys and values of blocks of [`BLOCK_TOKENS`] tokens. A query reads those of its own
//! sequence by the sequence's table of blocks, wherever they lie: nothing is gathered, masked or padded. Each query's
//! sums have one order, whatever stands beside it in a pass and however many threads there are; so a token attends to
//! the same numbers, bit for bit, whether it is decoded or prefilled in pieces of any length.
//!
//! This crate must not know tensors, models, or who owns a block. All that it has of `unsafe` is in `x86.rs`.
//!
//! # Example
//! A token attends to itself alone, and so to its own value:
//!
//! ```
//! use kernels::{Attending, BlockStore, Numbers, NumbersMut, Place, Rows, Shape, Threads};
//!
//! let shape = Shape { num_layers: 1, num_kv_heads: 1, head_dim: 2 };
//! let mut store = BlockStore::float(shape);
//! store.grow(1)?;
//! let (key, value) = ([1.0f32, 2.0], [3.0f32, 4.0]);
//! let row = |numbers| Rows { numbers: Numbers::Float(numbers), stride: 2 };
//! store.write(0, &[Some(Place { block: 0, offset: 0 })], row(&key), row(&value));
//! let mut attended = [0.0f32; 2];
//! let token = Attending { table: &[0], start: 0, num_rows: 1 };
//! store.attend(0, &[token], row(&[5.0, 6.0]), NumbersMut::Float(&mut attended), &Threads::new(1));
//! assert_eq!(attended, value);
//! # Ok::<(), std::collections::TryReserveError>(())
//! ```

mod attend;
mod computation;
mod element;
mod exponential;
mod gate;
mod lanes;
mod layout;
mod norm;
mod product;
mod store;
mod threads;
mod tile;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use self::attend::Attending;
pub use self::element::{Numbers, NumbersMut, Rows};
pub use self::exponential::{LEAST, exponential};
pub use self::gate::gate;
pub use self::layout::{BLOCK_TOKENS, Shape};
pub use self::norm::{Norm, rms_norm};
pub use self::product::Panels;
pub use self::store::{BlockStore, Place};
pub use self::threads::Threads;
