//! A model's folder in Hugging Face's layout: its configuration, weights and texts.
//!
//! What is saved is what was loaded, but for what was changed. This file must not know what the weights are for.

mod export;
mod text_files;

use std::path::Path;

use tch::{Kind, Tensor};

pub use self::export::export_folder;
pub(crate) use self::text_files::TextFiles;
pub use self::text_files::{is_licence, is_of_terms};
use crate::config::{ModelClass, ModelConfig};
use crate::decoder::Decoder;
use crate::error::PolicyError;
use crate::pieces::MODEL;
use crate::shards::MAX_SHARD_BYTES;
use crate::weights::{stored, write_rank_file, write_weights};

/// Writes the folder of a new model from its decoder and texts. `tokenizer` holds the bytes of a `tokenizer.json`.
///
/// # Errors
/// A file cannot be written.
pub fn write_folder(
    folder: &Path,
    decoder: &Decoder,
    tokenizer: &[u8],
    chat_template: &str,
    eos_token: &str,
) -> Result<(), PolicyError> {
    let config = decoder.config();
    write_model(folder, config, ModelClass::CausalLm, &decoder.state())?;
    let tokenizer_config = serde_json::json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": eos_token,
        "model_max_length": config.max_position_embeddings,
        "clean_up_tokenization_spaces": false,
        "chat_template": chat_template,
    });
    let tokenizer_config = serde_json::to_string_pretty(&tokenizer_config).expect("JSON values serialise");
    write_file(&folder.join("tokenizer.json"), tokenizer)?;
    write_file(&folder.join("tokenizer_config.json"), tokenizer_config.as_bytes())
}

/// Writes `config.json` and the weights; makes the folder where it is missing. The configuration names the dtype of the
/// first tensor, which is the decoder's.
///
/// # Errors
/// A file cannot be written.
pub(crate) fn write_model(
    folder: &Path,
    config: &ModelConfig,
    class: ModelClass,
    state: &[(String, Tensor)],
) -> Result<(), PolicyError> {
    write_config(folder, config, class, state.first().map_or(Kind::Float, |(_, tensor)| tensor.kind()))?;
    write_weights(folder, stored(folder, state)?, MAX_SHARD_BYTES)
}

/// Writes `config.json`, which names the dtype `kind`; makes the folder where it is missing.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write_config(
    folder: &Path,
    config: &ModelConfig,
    class: ModelClass,
    kind: Kind,
) -> Result<(), PolicyError> {
    make_folder(folder)?;
    write_file(&folder.join("config.json"), config.to_file(class, dtype_word(kind)).as_bytes())
}

/// Writes the file of rank `rank` of `num_ranks` with what it has of a model's weights, `held`; makes the folder where
/// it is missing. Returns the file's name.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write_pieces(
    folder: &Path,
    rank: usize,
    num_ranks: usize,
    held: &[(String, Tensor)],
) -> Result<String, PolicyError> {
    make_folder(folder)?;
    write_rank_file(folder, MODEL, rank, num_ranks, held)
}

fn make_folder(folder: &Path) -> Result<(), PolicyError> {
    std::fs::create_dir_all(folder).map_err(|source| PolicyError::io(folder, source))
}

/// PyTorch's word for the dtype of weights.
fn dtype_word(kind: Kind) -> &'static str {
    match kind {
        Kind::BFloat16 => "bfloat16",
        Kind::Half => "float16",
        Kind::Double => "float64",
        _ => "float32",
    }
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), PolicyError> {
    std::fs::write(path, bytes).map_err(|source| PolicyError::io(path, source))
}
