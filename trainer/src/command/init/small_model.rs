//! A model from nothing: small enough that a step takes a second on two cores, with a tokenizer of the tasks' words.

use std::path::Path;

use anyhow::Result;
use policy::{CHAT_TEMPLATE, Decoder, Placement, SPECIAL_TOKENS};

use super::template::{HELD_OUT, TASKS};
use crate::config::NewModel;

/// The 256 bytes, the special tokens, and the few words that the tasks repeat.
const VOCAB_SIZE: i64 = 320;
/// Seed of the weights: everybody's first run is the same.
const SEED: u64 = 1;

/// Writes the model's folder.
///
/// # Errors
/// A file cannot be written.
pub(super) fn write(folder: &Path) -> Result<()> {
    let model = NewModel {
        vocab_size: VOCAB_SIZE,
        hidden_size: 64,
        intermediate_size: 256,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        num_key_value_heads: 4,
        max_position_embeddings: 256,
        // Near 1 / sqrt(hidden_size), so that the first logits already tell the tasks apart.
        initializer_range: 0.1,
    };
    let tokenizer = policy::train_tokenizer([TASKS, HELD_OUT].into_iter(), VOCAB_SIZE as usize)?;
    let decoder = Decoder::random(&model.model_config()?, SEED, Placement::CPU);
    Ok(policy::write_folder(folder, &decoder, &tokenizer, CHAT_TEMPLATE, SPECIAL_TOKENS[2])?)
}
