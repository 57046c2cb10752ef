//! Token ids in, logits and logprobs out: Hugging Face folders, the tokenizer and chat template, and one decoder.
//!
//! The same block code serves training, rollout and the reward model, so that logprobs recorded while sampling and
//! logprobs recomputed while training agree. Training and rollout differ only in how a token attends to the tokens
//! before it, which is behind [`Attention`]. This crate knows nothing of tasks, rewards or how a completion is sampled.
//!
//! # Example
//! Logprobs of a completion of two tokens after a prompt of three, under a small decoder with random weights:
//!
//! ```
//! use policy::{Decoder, HeadOptions, LanguageHead, ModelConfig, Packed, Placement, outputs};
//!
//! let config = ModelConfig::from_json(&serde_json::json!({
//!     "model_type": "qwen2", "vocab_size": 64, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2,
//!     "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128,
//! }))?;
//! let decoder = Decoder::random(&config, 0, Placement::CPU);
//!
//! let ids = [5, 17, 3, 9, 2];
//! let batch = Packed::new(&[(&ids, &[3..5])], decoder.device());
//! let head = LanguageHead::new(&decoder, HeadOptions { temperature: 1.0, chunk: 256 });
//! let output = outputs(&decoder, &head, &batch);
//!
//! let logprobs = Vec::<f32>::try_from(output.logprobs())?; // of the tokens 9 and 2
//! assert_eq!(logprobs.len(), 2);
//! assert!(logprobs.iter().all(|&logprob| logprob < 0.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attention;
mod block;
mod chain_block;
mod chain_weights;
mod chat_template;
mod config;
mod context_parallel;
mod decoder;
mod device;
mod error;
mod exact;
mod folder;
mod head;
mod init;
mod linear;
mod mapped_file;
mod numerics;
mod packed;
mod parameters;
mod pieces;
mod placement;
mod policy;
mod product_time;
mod reward_model;
mod rotary;
mod shards;
mod store;
mod stored_tensors;
mod tensor_parallel;
mod tensor_share;
mod texts;
mod tokenizer;
mod train_tokenizer;
mod walk;
mod weight_files;
mod weights;

/// Ranks that train together: environment, store, process groups, mesh, heartbeat, launch.
pub use dist;

pub use self::attention::{Attention, PackedAttention};
pub use self::block::BlockWeights;
pub use self::chain_weights::ChainWeights;
pub use self::chat_template::{ChatTemplate, Conversation, DEFAULT_TEMPLATE, Date, RESERVED_ARGUMENTS, Rendered};
pub use self::config::{Architecture, ModelConfig, RopeScaling};
pub use self::context_parallel::ContextParallel;
pub use self::decoder::Decoder;
pub use self::device::{resolve_device, resolve_rank_device};
pub use self::error::PolicyError;
pub use self::folder::{export_folder, is_licence, is_of_terms, write_folder};
pub use self::head::{
    Head, HeadOptions, HeadPair, LanguageGradient, LanguageHead, LanguageOutput, LossScope, ScalarGradient, ScalarHead,
    head_outputs,
};
pub use self::numerics::Numerics;
pub use self::packed::Packed;
pub use self::parameters::{
    HeldPart, NamedTensors, Parameter, ParameterPart, ParameterPiece, ParameterShape, parameter_shapes, part_of_name,
};
pub use self::pieces::{component_files, rank_file};
pub use self::placement::Placement;
pub use self::policy::Policy;
pub use self::product_time::product_time;
pub use self::reward_model::RewardModel;
pub use self::rotary::Rotary;
pub use self::store::{Gathering, Lent, Part, Resident, ShardGroups, Sharded, Spread, Storage, TensorCut, WeightStore};
pub use self::stored_tensors::StoredTensors;
pub use self::tensor_parallel::TensorParallel;
pub use self::tensor_share::{PartCut, TensorShare};
pub use self::texts::{Texts, TurnEnd};
pub use self::tokenizer::Tokenizer;
pub use self::train_tokenizer::{CHAT_TEMPLATE, SPECIAL_TOKENS, train_tokenizer};
pub use self::walk::{Recompute, accumulate_gradient, outputs};
pub use self::weights::{read_tensors, write_rank_file, write_tensors};
