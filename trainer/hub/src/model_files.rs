//! Which files of a repository are a model's, in the layout that transformers reads. Weights are safetensors alone:
//! copies in other formats (`.bin`, `.gguf`, `.onnx`) are left.

use std::collections::BTreeSet;

use serde::Deserialize;

/// The file of weights that are in one.
pub(crate) const SINGLE: &str = "model.safetensors";
/// The file that names the shards of weights that are in several.
pub(crate) const INDEX: &str = "model.safetensors.index.json";
/// Endings of the texts of a model.
const TEXTS: [&str; 5] = [".json", ".jinja", ".txt", ".model", ".md"];
/// Folder of further chat templates.
const TEMPLATES: &str = "additional_chat_templates/";

/// What of a model is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelFiles {
    /// All of it.
    All,
    /// Configuration, tokenizer and chat template, without the weights.
    Texts,
}

#[derive(Deserialize)]
struct Index {
    weight_map: std::collections::BTreeMap<String, String>,
}

/// True for the configuration, the tokenizer, the templates, and for files beside them whose names `is_of_terms` knows.
pub(crate) fn is_text(path: &str, is_of_terms: fn(&str) -> bool) -> bool {
    let name = path.strip_prefix(TEMPLATES).unwrap_or(path);
    let is_index = name.ends_with(".index.json");
    !name.contains('/') && !is_index && (is_of_terms(name) || TEXTS.iter().any(|ending| name.ends_with(ending)))
}

/// The shards that an index names.
///
/// # Errors
/// The index is malformed, in words.
pub(crate) fn shards(index: &[u8]) -> Result<BTreeSet<String>, String> {
    let Index { weight_map } =
        serde_json::from_slice(index).map_err(|error| format!("{INDEX} is no index: {error}"))?;
    let shards: BTreeSet<String> = weight_map.into_values().collect();
    match shards.iter().find(|shard| shard.contains(['/', '\\']) || !shard.ends_with(".safetensors")) {
        Some(odd) => Err(format!("{INDEX} names `{odd}`, which is no file of weights beside it")),
        None if shards.is_empty() => Err(format!("{INDEX} names no file")),
        None => Ok(shards),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_known(path: &str) -> bool {
        is_text(path, |name| name == "TERMS")
    }

    #[test]
    fn texts_are_what_a_model_needs_beside_its_weights() {
        for path in [
            "config.json",
            "tokenizer.json",
            "tokenizer.model",
            "chat_template.jinja",
            "merges.txt",
            "README.md",
            "TERMS",
            "additional_chat_templates/tool_use.jinja",
        ] {
            assert!(is_known(path), "{path}");
        }
        for path in [
            SINGLE,
            INDEX,
            "pytorch_model.bin",
            "pytorch_model.bin.index.json",
            "model.gguf",
            "onnx/config.json",
            "original/params.json",
            "original/TERMS",
            "LICENSE",
            ".gitattributes",
        ] {
            assert!(!is_known(path), "{path}");
        }
    }

    #[test]
    fn an_index_names_files_beside_it() {
        let of = |file: &str| shards(format!("{{\"weight_map\": {{\"a\": {file:?}, \"b\": {file:?}}}}}").as_bytes());
        assert_eq!(of("model-00001-of-00001.safetensors").unwrap().len(), 1);
        for odd in ["../model.safetensors", "/etc/passwd", "model.bin"] {
            assert!(of(odd).unwrap_err().contains(odd));
        }
        assert!(shards(b"{}").is_err() && shards(b"{\"weight_map\": {}}").is_err());
    }
}
