//! Rollout: prompts in, completions with their logprobs out.
//!
//! An [`Engine`] takes requests between its steps and completes them with continuous batching and a key-value cache;
//! [`generate`] steps one until a batch of requests is done. A [`Completion`] is a [`Sequence`] of segments, which says
//! of each token whether the policy sampled it. This crate must not know how a task is judged, what a reward is, or how
//! the weights are trained: it sees token ids, sampling parameters and a decoder.
//!
//! # Example
//! Two completions of five tokens each, sampled from a small policy with random weights:
//!
//! ```
//! use std::sync::Arc;
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
//! let prompt_ids = policy.texts.tokenizer.encode("one two")?;
//! let params = Arc::new(SamplingParams { max_new_tokens: 5, ..SamplingParams::default() });
//! let request = |sample| RolloutRequest {
//!     draw: 0,
//!     sample,
//!     label: None,
//!     prompt_ids: prompt_ids.clone(),
//!     thinking_open: false,
//!     params: params.clone(),
//! };
//! let (options, cancel) = (EngineOptions::default(), AtomicBool::new(false));
//! let mut completions = Vec::new();
//! generate(&policy, [request(0), request(1)], &options, 0, &cancel, |completion| completions.push(completion))?;
//!
//! for completion in &completions {
//!     assert_eq!(completion.completion_ids().len(), 5);
//!     assert_eq!(completion.sequence.rollout_logprobs().count(), 5);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod active_sequence;
mod adjuster;
mod attention;
mod cache;
mod completion;
mod cores_pass;
mod engine;
mod error;
mod free_memory;
mod generate;
mod packed_weights;
mod params;
mod repetition;
mod request_name;
mod rows;
mod sampler;
mod sampling_params;
mod sampling_plan;
mod scheduler;
mod segment;
mod split_sampler;
mod stop;
mod thinking;
mod thinking_budget;
mod token_draw;
mod turn;
mod unfinished;
mod work;

pub use sampling::{SampledToken, Threads, TokenLogprob};

pub use self::cache::CacheTokens;
pub use self::completion::{Completion, FinishReason, GenerationStats, RequestId, RolloutRequest};
pub use self::engine::{Engine, Finished};
pub use self::error::{RolloutError, SegmentError};
pub use self::free_memory::free_memory;
pub use self::generate::generate;
pub use self::packed_weights::{PackedWeights, PassProducts};
pub use self::params::{CacheAfterUpdate, EngineOptions};
pub use self::request_name::RequestName;
pub use self::sampler::Sampler;
pub use self::sampling_params::{RepetitionStop, SamplingParams};
pub use self::segment::{Segment, Sequence, TokenDetails, TokenSource, VersionSpan};
pub use self::thinking_budget::ThinkingBudget;
pub use self::turn::{EndedTurn, NextTurn};
pub use self::unfinished::Unfinished;
pub use self::work::EngineWork;
