//! The files of a model's folder beside configuration and weights: tokenizer, chat template, how to generate, licence.
//!
//! They are carried along byte for byte, so that a folder written here loads in other tools as the one read did, under
//! the terms that it came with. The model card (`README.md`) stays behind: it describes other weights, and its figures
//! are not those of the weights that are saved.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::chat_template::{ChatTemplate, DEFAULT_TEMPLATE};
use crate::config::token_ids;
use crate::error::PolicyError;
use crate::tokenizer::Tokenizer;

/// Name and bytes of each file that is carried.
#[derive(Debug)]
pub(crate) struct TextFiles {
    files: Vec<(String, Vec<u8>)>,
    pad_token_id: Option<u32>,
}

/// Folder of templates beside the default one, each named for its file.
const MORE_TEMPLATES: &str = "additional_chat_templates";
const GENERATION_CONFIG: &str = "generation_config.json";
/// Tokens that templates may name, by their fields in `tokenizer_config.json`.
const SPECIAL_TOKENS: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// Files of tokenizers and of generation. Beside them go templates (`*.jinja`), SentencePiece models (`*.model`), the
/// Python files that `auto_map` names, and the terms of use.
const NAMES: [&str; 11] = [
    "tokenizer.json",
    "tokenizer_config.json",
    GENERATION_CONFIG,
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.json",
    "tokenizer.model.v3",
    "USE_POLICY.md",
];
const SUFFIXES: [&str; 3] = [".jinja", ".model", ".py"];
/// Beginnings of the names of licences, in capitals.
const LICENCES: [&str; 3] = ["LICENSE", "LICENCE", "COPYING"];
/// Beginning of the names of notices, which go with a licence.
const NOTICE: &str = "NOTICE";

/// True for the name of a licence's file.
pub fn is_licence(name: &str) -> bool {
    let capitals = name.to_uppercase();
    LICENCES.iter().any(|licence| capitals.starts_with(licence))
}

/// True for the name of a file of a model's terms: its licence, and the notices that go with it.
pub fn is_of_terms(name: &str) -> bool {
    is_licence(name) || name.to_uppercase().starts_with(NOTICE)
}

fn is_carried(name: &str) -> bool {
    NAMES.contains(&name) || SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) || is_of_terms(name)
}

/// Names of the files of a folder, links followed, in their order.
fn file_names(folder: &Path) -> Result<Vec<String>, PolicyError> {
    let mut names = Vec::new();
    let io = |source| PolicyError::io(folder, source);
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        if let Ok(name) = entry.file_name().into_string()
            && !entry.path().is_dir()
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

impl TextFiles {
    pub(crate) fn read(folder: &Path) -> Result<Self, PolicyError> {
        let mut names = file_names(folder)?;
        names.retain(|name| is_carried(name));
        let more = folder.join(MORE_TEMPLATES);
        if more.is_dir() {
            let templates = file_names(&more)?.into_iter().filter(|file| file.ends_with(".jinja"));
            names.extend(templates.map(|file| format!("{MORE_TEMPLATES}/{file}")));
        }
        let read = |name: String| {
            let path = folder.join(&name);
            let bytes = std::fs::read(&path).map_err(|source| PolicyError::io(&path, source))?;
            Ok((name, bytes))
        };
        let files = names.into_iter().map(read).collect::<Result<_, PolicyError>>()?;
        Ok(Self { files, pad_token_id: None })
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<(), PolicyError> {
        self.files.iter().try_for_each(|(name, bytes)| {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(|source| PolicyError::io(parent, source))?;
            }
            std::fs::write(&path, bytes).map_err(|source| PolicyError::io(&path, source))
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
        for (name, _) in &self.files {
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
    ///
    /// # Errors
    /// The file holds no JSON object.
    pub(crate) fn set_generation_eos_ids(&mut self, folder: &Path, ids: &[u32]) -> Result<(), PolicyError> {
        let mut generation = self.json(folder, GENERATION_CONFIG)?.unwrap_or_else(|| json!({}));
        let Some(fields) = generation.as_object_mut() else {
            return Err(PolicyError::malformed(&folder.join(GENERATION_CONFIG), "is no JSON object"));
        };
        fields.insert("eos_token_id".to_owned(), json!(ids));
        let text = serde_json::to_string_pretty(&generation).expect("JSON values serialise");
        self.files.retain(|(name, _)| name != GENERATION_CONFIG);
        self.files.push((GENERATION_CONFIG.to_owned(), text.into_bytes()));
        Ok(())
    }

    /// Remembers the token that the folder pads with. One that ends a turn is none: a reader that looks for the last
    /// token before the padding would look past the end.
    pub(crate) fn set_pad_token(
        &mut self,
        folder: &Path,
        tokenizer: &Tokenizer,
        turn_end: Option<u32>,
    ) -> Result<(), PolicyError> {
        let id = self.special_tokens(folder)?.get("pad_token").and_then(|token| tokenizer.token_to_id(token));
        self.pad_token_id = id.filter(|id| Some(*id) != turn_end);
        Ok(())
    }

    /// The token that [`TextFiles::set_pad_token`] found.
    pub(crate) fn pad_token_id(&self) -> Option<u32> {
        self.pad_token_id
    }

    fn text(&self, folder: &Path, name: &str) -> Result<String, PolicyError> {
        let bytes = self.get(name).unwrap_or_default().to_vec();
        String::from_utf8(bytes).map_err(|_| PolicyError::malformed(&folder.join(name), "is not UTF-8"))
    }

    fn get(&self, name: &str) -> Option<&[u8]> {
        self.files.iter().find(|(file, _)| file == name).map(|(_, bytes)| bytes.as_slice())
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
