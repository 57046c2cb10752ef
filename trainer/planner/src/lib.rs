//! What a run will need, before any weight is loaded: memory of one GPU by part, and seconds of a step by part.
//!
//! Arithmetic on sizes: a model's numbers, a layout of ranks, the work of a step and the rates of a machine go in. The
//! formulas follow what the other crates do, and stand beside them in `memory.rs`, `moments.rs` and `seconds.rs`; no
//! configuration, no tensor and no file is known here.
//!
//! # Example
//! ```
//! use planner::{Axes, GIB, ModelSizes, Work, memory};
//!
//! let model = ModelSizes {
//!     vocab: 152_064, hidden: 5120, intermediate: 27_648, blocks: 64, heads: 40, kv_heads: 8, head_dim: 128,
//!     qkv_bias: true, qk_norm: false, tied: false,
//! };
//! assert_eq!(model.num_parameters(), 32_763_876_352); // Qwen2.5-32B
//! let axes = Axes { replicate: 1, shard: 8, context: 1, tensor: 2 };
//! let needed = memory(&model, &axes, &Work::update_of(8192));
//! assert_eq!(needed.optimizer, 12 * needed.weights / 2); // float32 master and two moments beside bfloat16 weights
//! assert!(needed.largest < 80 * GIB);
//! ```

mod axes;
mod bytes;
mod memory;
mod model;
mod moments;
mod proposal;
mod rates;
mod report;
mod seconds;
mod work;

pub use self::axes::Axes;
pub use self::bytes::{GIB, bytes_words, parse_bytes};
pub use self::memory::{ALLOCATOR_SHARE, LIBRARIES, Memory, memory};
pub use self::model::ModelSizes;
pub use self::proposal::{Cluster, propose, remedies};
pub use self::rates::{Measured, Rates};
pub use self::report::{Report, SamplingLayout};
pub use self::seconds::{Seconds, step_seconds, update_seconds};
pub use self::work::{Completions, Critic, HeadWork, Place, Work};
