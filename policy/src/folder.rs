//! A model's folder in Hugging Face's layout: its configuration, weights and texts.
//!
//! The files of tokenizer and template are carried along byte for byte, so that a folder written here loads in
//! transformers as the one read did. This file must not know what the weights are for.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use tch::Tensor;

use crate::chat_template::{ChatTemplate, DEFAULT_TEMPLATE};
use crate::config::token_ids;
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
pub(crate) struct TextFiles(Vec<(String, Vec<u8>)>);

/// Folder of templates beside the default one, each named for its file.
const MORE_TEMPLATES: &str = "additional_chat_templates";
const GENERATION_CONFIG: &str = "generation_config.json";
/// Tokens that templates may name, by their fields in `tokenizer_config.json`.
const SPECIAL_TOKENS: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

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
        let mut names: Vec<String> = Self::NAMES.iter().map(|name| (*name).to_owned()).collect();
        let more = folder.join(MORE_TEMPLATES);
        if more.is_dir() {
            let listed = std::fs::read_dir(&more).and_then(|entries| entries.collect::<std::io::Result<Vec<_>>>());
            let listed = listed.map_err(|source| PolicyError::io(&more, source))?;
            let files = listed.iter().filter_map(|entry| entry.file_name().into_string().ok());
            let mut templates: Vec<String> = files.filter(|file| file.ends_with(".jinja")).collect();
            templates.sort();
            names.extend(templates.iter().map(|file| format!("{MORE_TEMPLATES}/{file}")));
        }
        let mut files = Vec::new();
        for name in names {
            let path = folder.join(&name);
            match std::fs::read(&path) {
                Ok(bytes) => files.push((name, bytes)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(source) => return Err(PolicyError::io(&path, source)),
            }
        }
        Ok(Self(files))
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<(), PolicyError> {
        self.0.iter().try_for_each(|(name, bytes)| {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(|source| PolicyError::io(parent, source))?;
            }
            write_file(&path, bytes)
        })
    }

    /// The tokenizer; `vocab_size` is the model's, where that is known.
    pub(crate) fn tokenizer(&self, folder: &Path, vocab_size: Option<i64>) -> Result<Tokenizer, PolicyError> {
        let path = folder.join("tokenizer.json");
        let bytes = self.get("tokenizer.json").ok_or_else(|| PolicyError::malformed(&path, "is missing"))?;
        let tokenizer = Tokenizer::from_bytes(bytes, &path)?;
        if let Some(vocab_size) = vocab_size.filter(|size| tokenizer.vocab_size() as i64 > *size) {
            let reason = format!(
                "its ids go up to {}, the model's vocabulary holds {vocab_size}; tokenizer and weights do not belong \
                 together",
                tokenizer.vocab_size() - 1,
            );
            return Err(PolicyError::malformed(&path, reason));
        }
        Ok(tokenizer)
    }

    pub(crate) fn chat_template(&self, folder: &Path) -> Result<ChatTemplate, PolicyError> {
        let mut sources = match self.get("chat_template.jinja") {
            Some(_) => BTreeMap::from([(DEFAULT_TEMPLATE.to_owned(), self.text(folder, "chat_template.jinja")?)]),
            None => named_templates(&self.tokenizer_config(folder)?["chat_template"]),
        };
        for (name, _) in &self.0 {
            let file = name.strip_prefix(MORE_TEMPLATES).and_then(|rest| rest.strip_prefix('/'));
            if let Some(template) = file.and_then(|file| file.strip_suffix(".jinja")) {
                sources.insert(template.to_owned(), self.text(folder, name)?);
            }
        }
        if sources.is_empty() {
            let reason = "has no chat template in tokenizer_config.json or chat_template.jinja";
            return Err(PolicyError::malformed(folder, reason));
        }
        ChatTemplate::named(sources, self.special_tokens(folder)?)
    }

    /// Texts of the special tokens that the folder names.
    pub(crate) fn special_tokens(&self, folder: &Path) -> Result<BTreeMap<String, String>, PolicyError> {
        let config = self.tokenizer_config(folder)?;
        let map = self.json(folder, "special_tokens_map.json")?.unwrap_or_default();
        let mut tokens = BTreeMap::new();
        for name in SPECIAL_TOKENS {
            if let Some(token) = special_token(&config[name]).or_else(|| special_token(&map[name])) {
                tokens.insert(name.to_owned(), token);
            }
        }
        for (name, token) in config["extra_special_tokens"].as_object().into_iter().flatten() {
            if let Some(token) = special_token(token) {
                tokens.insert(name.clone(), token);
            }
        }
        Ok(tokens)
    }

    fn tokenizer_config(&self, folder: &Path) -> Result<Value, PolicyError> {
        Ok(self.json(folder, "tokenizer_config.json")?.unwrap_or_default())
    }

    /// The ids that `generation_config.json` names; `None` where it names none or is not there.
    pub(crate) fn generation_eos_ids(&self, folder: &Path) -> Result<Option<Vec<u32>>, PolicyError> {
        let Some(generation) = self.json(folder, GENERATION_CONFIG)? else { return Ok(None) };
        let ids = token_ids(&generation["eos_token_id"])
            .ok_or_else(|| PolicyError::malformed(&folder.join(GENERATION_CONFIG), "eos_token_id is no token id"))?;
        Ok(Some(ids).filter(|ids| !ids.is_empty()))
    }

    /// Makes `generation_config.json` name these ids, which all end a completion.
    pub(crate) fn set_generation_eos_ids(&mut self, folder: &Path, ids: &[u32]) -> Result<(), PolicyError> {
        let mut generation = self.json(folder, GENERATION_CONFIG)?.unwrap_or_else(|| json!({}));
        generation["eos_token_id"] = json!(ids);
        let text = serde_json::to_string_pretty(&generation).expect("JSON values serialise");
        self.0.retain(|(name, _)| name != GENERATION_CONFIG);
        self.0.push((GENERATION_CONFIG.to_owned(), text.into_bytes()));
        Ok(())
    }

    fn text(&self, folder: &Path, name: &str) -> Result<String, PolicyError> {
        let bytes = self.get(name).unwrap_or_default().to_vec();
        String::from_utf8(bytes).map_err(|_| PolicyError::malformed(&folder.join(name), "is not UTF-8"))
    }

    fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(file, _)| file == name).map(|(_, bytes)| bytes.as_slice())
    }

    pub(crate) fn json(&self, folder: &Path, name: &str) -> Result<Option<Value>, PolicyError> {
        let parse = |bytes: &[u8]| {
            serde_json::from_slice(bytes)
                .map_err(|error| PolicyError::malformed(&folder.join(name), format!("not JSON: {error}")))
        };
        self.get(name).map(parse).transpose()
    }
}

/// The templates of `tokenizer_config.json`: a text, or a list of `{"name", "template"}`.
fn named_templates(value: &Value) -> BTreeMap<String, String> {
    match value {
        Value::String(source) => BTreeMap::from([(DEFAULT_TEMPLATE.to_owned(), source.clone())]),
        Value::Array(named) => named
            .iter()
            .filter_map(|named| Some((named["name"].as_str()?.to_owned(), named["template"].as_str()?.to_owned())))
            .collect(),
        _ => BTreeMap::new(),
    }
}

/// A special token is a string, or an object whose `content` is one.
fn special_token(value: &Value) -> Option<String> {
    value.as_str().or_else(|| value["content"].as_str()).map(str::to_owned)
}
