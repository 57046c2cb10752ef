//! Rollout: prompts in, completions with their logprobs out.
//!
//! [`generate`] runs one policy over many requests with continuous batching and a key-value cache. This crate must not know what
//! a task is judged by, what a reward is, or how the weights are trained: it sees token ids, sampling parameters and a decoder.

mod attention;
mod cache;
mod completion;
mod engine;
mod error;
mod params;
mod row;
mod sampler;
mod stop;

pub use completion::{Completion, FinishReason, GenerationStats, RolloutRequest};
pub use engine::generate;
pub use error::RolloutError;
pub use params::{EngineOptions, SamplingParams};
pub use sampler::{SampledToken, Sampler};
