//! A model's folder in Hugging Face's layout: its configuration, weights and texts.
//!
//! The files of tokenizer and template are carried along byte for byte, so that a folder written here loads in
//! transformers as the one read did. This file must not know what the weights are for.

use std::path::Path;

use serde_json::Value;
use tch::Tensor;

use crate::chat_template::ChatTemplate;
use crate::config::{ModelConfig, token_ids};
use crate::decoder::Decoder;
use crate::error::PolicyError;
use crate::tokenizer::Tokenizer;
use crate::weights::write_tensors;

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
    write_model(folder, &config.to_json(config.architecture.causal_class(), None), &decoder.state())?;
    let tokenizer_config = serde_json::json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": eos_token,
        "model_max_length": config.max_position_embeddings,
        "clean_up_tokenization_spaces": false,
        "chat_template": chat_template,
    });
    write_file(&folder.join("tokenizer.json"), tokenizer)?;
    write_json(&folder.join("tokenizer_config.json"), &tokenizer_config)
}

/// Writes `config.json` and `model.safetensors`; makes the folder where it is missing.
///
/// # Errors
/// A file cannot be written.
pub(crate) fn write_model(folder: &Path, config: &Value, state: &[(String, Tensor)]) -> Result<(), PolicyError> {
    std::fs::create_dir_all(folder).map_err(|source| PolicyError::io(folder, source))?;
    write_json(&folder.join("config.json"), config)?;
    write_tensors(&folder.join("model.safetensors"), state)
}

fn write_json(path: &Path, value: &Value) -> Result<(), PolicyError> {
    let text = serde_json::to_string_pretty(value).expect("JSON values serialise");
    write_file(path, text.as_bytes())
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), PolicyError> {
    std::fs::write(path, bytes).map_err(|source| PolicyError::io(path, source))
}

/// The files of a folder beside configuration and weights: name and bytes of each that is there.
#[derive(Debug)]
pub(crate) struct TextFiles(Vec<(&'static str, Vec<u8>)>);

impl TextFiles {
    const NAMES: [&'static str; 8] = [
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
        "generation_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.json",
        "merges.txt",
    ];

    pub(crate) fn read(folder: &Path) -> Result<Self, PolicyError> {
        let mut files = Vec::new();
        for name in Self::NAMES {
            let path = folder.join(name);
            match std::fs::read(&path) {
                Ok(bytes) => files.push((name, bytes)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(source) => return Err(PolicyError::io(&path, source)),
            }
        }
        Ok(Self(files))
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<(), PolicyError> {
        self.0.iter().try_for_each(|(name, bytes)| write_file(&folder.join(name), bytes))
    }

    pub(crate) fn tokenizer(&self, folder: &Path, config: &ModelConfig) -> Result<Tokenizer, PolicyError> {
        let path = folder.join("tokenizer.json");
        let bytes = self.get("tokenizer.json").ok_or_else(|| PolicyError::malformed(&path, "is missing"))?;
        let tokenizer = Tokenizer::from_bytes(bytes, &path)?;
        if tokenizer.vocab_size() as i64 > config.vocab_size {
            let reason = format!(
                "its ids go up to {}, the model's vocabulary holds {}; tokenizer and weights do not belong together",
                tokenizer.vocab_size() - 1,
                config.vocab_size
            );
            return Err(PolicyError::malformed(&path, reason));
        }
        Ok(tokenizer)
    }

    pub(crate) fn chat_template(&self, folder: &Path) -> Result<ChatTemplate, PolicyError> {
        let tokenizer_config = self.json(folder, "tokenizer_config.json")?.unwrap_or_default();
        let source = match self.get("chat_template.jinja") {
            Some(bytes) => String::from_utf8(bytes.to_vec())
                .map_err(|_| PolicyError::malformed(&folder.join("chat_template.jinja"), "is not UTF-8"))?,
            None => default_template(&tokenizer_config["chat_template"]).ok_or_else(|| {
                PolicyError::malformed(folder, "has no chat template in tokenizer_config.json or chat_template.jinja")
            })?,
        };
        let token = |name: &str| special_token(&tokenizer_config[name]);
        ChatTemplate::new(source, token("bos_token"), token("eos_token"))
    }

    /// The ids that `generation_config.json` names, then those of `config.json` that are not among them.
    pub(crate) fn eos_ids(&self, folder: &Path, config: &ModelConfig) -> Result<Vec<u32>, PolicyError> {
        let name = "generation_config.json";
        let mut ids = Vec::new();
        if let Some(generation) = self.json(folder, name)? {
            let more = token_ids(&generation["eos_token_id"])
                .ok_or_else(|| PolicyError::malformed(&folder.join(name), "eos_token_id is no token id"))?;
            ids.extend(more);
        }
        for id in &config.eos_token_ids {
            if !ids.contains(id) {
                ids.push(*id);
            }
        }
        match ids.iter().find(|id| i64::from(**id) >= config.vocab_size) {
            Some(id) => Err(PolicyError::config("eos_token_id", format!("{id} is outside the vocabulary"))),
            None => Ok(ids),
        }
    }

    fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(file, _)| *file == name).map(|(_, bytes)| bytes.as_slice())
    }

    fn json(&self, folder: &Path, name: &str) -> Result<Option<Value>, PolicyError> {
        let parse = |bytes: &[u8]| {
            serde_json::from_slice(bytes)
                .map_err(|error| PolicyError::malformed(&folder.join(name), format!("not JSON: {error}")))
        };
        self.get(name).map(parse).transpose()
    }
}

/// The text of a template, or of the one named `default` among several.
fn default_template(value: &Value) -> Option<String> {
    match value {
        Value::String(source) => Some(source.clone()),
        Value::Array(named) => {
            let default = named.iter().find(|template| template["name"] == "default")?;
            default["template"].as_str().map(str::to_owned)
        }
        _ => None,
    }
}

/// A special token is a string, or an object whose `content` is one.
fn special_token(value: &Value) -> Option<String> {
    value.as_str().or_else(|| value["content"].as_str()).map(str::to_owned)
}
