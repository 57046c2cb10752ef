//! Sampling on the CPU: rows of logits in, a token for each out, with its logprobs and the entropy; and of tokens that
//! are known the same numbers.
//!
//! Each row has its own distribution and adjustments; rows that differ share a call at no cost. A token depends on its
//! row and its uniform number alone: not on the rows beside it, the number of threads or the processor. This crate must
//! not know tensors, sequences or parameters of requests.
//!
//! # Example
//! ```
//! use sampling::{Distribution, Row, Threads, draw_rows};
//!
//! let logits = [0.0, 3.0, 1.0, 2.9];
//! let distribution = Distribution { temperature: 0.7, top_k: 2, top_p: 1.0, min_p: 0.0 };
//! let row = Row { logits: &logits, distribution, adjustments: &[], uniform: 0.6, top_logprobs: 1, wants_kept: true };
//! let token = &draw_rows(&[row], &Threads::new(1))[0];
//! assert_eq!((token.id, token.kept_ids.as_slice()), (3, [1, 3].as_slice()));
//! assert_eq!(token.top_logprobs[0].id, 1);
//! ```

mod adjustment;
mod distribution;
mod kept;
mod passes;
mod row;
#[cfg(test)]
mod row_tests;
mod rows;
mod targets;
mod token;

pub use kernels::Threads;

pub use self::adjustment::Adjustment;
pub use self::distribution::Distribution;
pub use self::row::Row;
pub use self::rows::draw_rows;
pub use self::targets::{Target, Targets, measure_targets};
pub use self::token::{SampledToken, TokenLogprob};
