//! Rollout: prompts in, completions with their logprobs out.
//!
//! [`generate`] runs one policy over many requests with continuous batching and a key-value cache. This crate must not
//! know how a task is judged, what a reward is, or how the weights are trained: it sees token ids, sampling parameters
//! and a decoder.
//!
//! # Example
//! Two completions of five tokens each, sampled from a small policy with random weights:
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//!
//! use policy::{CHAT_TEMPLATE, Decoder, ModelConfig, Placement, Policy, train_tokenizer, write_folder};
//! use rollout::{EngineOptions, RolloutRequest, SamplingParams, generate};
//!
//! let config = ModelConfig::from_json(&serde_json::json!({
//!     "model_type": "qwen2", "vocab_size": 272, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2,
//!     "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128,
//! }))?;
//! let decoder = Decoder::random(&config, 0, Placement::CPU);
//! let tokenizer = train_tokenizer(["one two three"].into_iter(), 261)?;
//! let folder = tempfile::tempdir()?;
//! write_folder(folder.path(), &decoder, &tokenizer, CHAT_TEMPLATE, "<|im_end|>")?;
//! let policy = Policy::load(folder.path(), Placement::CPU)?;
//!
//! let prompt_ids = policy.tokenizer.encode("one two")?;
//! let request = |sample_index| RolloutRequest {
//!     task_id: "count".to_owned(),
//!     sample_index,
//!     prompt_ids: prompt_ids.clone(),
//! };
//! let params = SamplingParams { max_new_tokens: 5, ..SamplingParams::default() };
//! let (options, cancel) = (EngineOptions::default(), AtomicBool::new(false));
//! let mut completions = Vec::new();
//! generate(&policy, vec![request(0), request(1)], &params, &options, 0, &cancel, |completion| {
//!     completions.push(completion);
//! })?;
//!
//! for completion in &completions {
//!     assert_eq!(completion.ids.len(), 5);
//!     assert_eq!(completion.rollout_logprobs.len(), 5);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attention;
mod cache;
mod completion;
mod engine;
mod error;
mod params;
mod sampler;
mod sequence;
mod stop;

pub use self::completion::{Completion, FinishReason, GenerationStats, RolloutRequest};
pub use self::engine::generate;
pub use self::error::RolloutError;
pub use self::params::{EngineOptions, SamplingParams};
pub use self::sampler::{SampledToken, Sampler};
