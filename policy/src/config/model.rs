//! A model's sizes and constants, read from `config.json` and checked against each other.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::architecture::Architecture;
use super::json::Fields;
use super::neutral::refuse_unread;
use super::rope::{self, RopeScaling};
use crate::error::PolicyError;

/// The fields of a `config.json` that the decoder computes with, under the file's own names.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // the names are config.json's
pub struct ModelConfig {
    pub architecture: Architecture,
    pub vocab_size: i64,
    pub hidden_size: i64,
    pub intermediate_size: i64,
    pub num_hidden_layers: i64,
    pub num_attention_heads: i64,
    pub num_key_value_heads: i64,
    pub head_dim: i64,
    pub max_position_embeddings: i64,
    pub rms_norm_eps: f64,
    pub rope_theta: f64,
    pub rope_scaling: Option<RopeScaling>,
    pub tie_word_embeddings: bool,
    pub initializer_range: f64,
    pub bos_token_id: Option<u32>,
    /// Every id that ends a completion.
    pub eos_token_ids: Vec<u32>,
    /// The file itself, which is saved again with all that it says beside the fields above.
    pub(super) as_written: AsWritten,
}

/// The text of the `config.json` that a configuration was read from; none where it was made here.
///
/// Any two are equal: two files in different words are one configuration where the decoder computes the same.
#[derive(Clone, Debug, Default)]
pub(super) struct AsWritten(Option<Arc<str>>);

impl AsWritten {
    pub(super) fn text(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl PartialEq for AsWritten {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl ModelConfig {
    /// Reads and checks a `config.json`. The model is saved with the file as it was read, but for what saving changes.
    ///
    /// # Errors
    /// The file cannot be read, is not JSON, lacks a field, or asks for something this decoder does not compute.
    pub fn from_file(path: &Path) -> Result<Self, PolicyError> {
        let text = std::fs::read_to_string(path).map_err(|source| PolicyError::io(path, source))?;
        let value: Value =
            serde_json::from_str(&text).map_err(|error| PolicyError::malformed(path, format!("not JSON: {error}")))?;
        let config = Self::from_json(&value).map_err(|error| PolicyError::malformed(path, error.to_string()))?;
        Ok(Self { as_written: AsWritten(Some(text.into())), ..config })
    }

    /// Checks the fields of a configuration that no file holds; saving writes them in full.
    ///
    /// # Errors
    /// A field is missing, of the wrong type, or not supported; the error names it.
    pub fn from_json(value: &Value) -> Result<Self, PolicyError> {
        let object = value.as_object().ok_or_else(|| PolicyError::config("(whole file)", "is not an object"))?;
        let mut fields = Fields::new(object);
        let architecture = Architecture::from_model_type(&fields.text("model_type")?)
            .map_err(|reason| PolicyError::config("model_type", reason))?;
        let hidden_size = fields.positive("hidden_size")?;
        let num_attention_heads = fields.positive("num_attention_heads")?;
        let num_hidden_layers = fields.positive("num_hidden_layers")?;
        let head_dim = match fields.optional_integer("head_dim")? {
            Some(head_dim) => head_dim,
            None if hidden_size % num_attention_heads == 0 => hidden_size / num_attention_heads,
            None => {
                return Err(PolicyError::config("hidden_size", "is not a multiple of num_attention_heads"));
            }
        };
        let num_key_value_heads = fields.optional_integer("num_key_value_heads")?.unwrap_or(num_attention_heads);
        if num_key_value_heads < 1 || num_attention_heads % num_key_value_heads != 0 {
            return Err(PolicyError::config("num_key_value_heads", "does not divide num_attention_heads"));
        }
        if head_dim < 2 || head_dim % 2 != 0 {
            return Err(PolicyError::config("head_dim", "must be even for rotary embeddings"));
        }
        check_layer_types(&mut fields)?;
        let max_position_embeddings = fields.positive("max_position_embeddings")?;
        let (rope_theta, rope_scaling) = rope::read(&mut fields, max_position_embeddings)?;
        let config = Self {
            architecture,
            vocab_size: fields.positive("vocab_size")?,
            hidden_size,
            intermediate_size: fields.positive("intermediate_size")?,
            num_hidden_layers,
            num_attention_heads,
            num_key_value_heads,
            head_dim,
            max_position_embeddings,
            rms_norm_eps: fields.number("rms_norm_eps")?.unwrap_or(1e-6),
            rope_theta,
            rope_scaling,
            tie_word_embeddings: fields.boolean("tie_word_embeddings")?.unwrap_or(false),
            initializer_range: fields.number("initializer_range")?.unwrap_or(0.02),
            bos_token_id: fields.ids("bos_token_id")?.first().copied(),
            eos_token_ids: fields.ids("eos_token_id")?,
            as_written: AsWritten::default(),
        };
        refuse_unread(&fields)?;
        Ok(config)
    }
}

fn check_layer_types(fields: &mut Fields<'_>) -> Result<(), PolicyError> {
    let Some(types) = fields.get("layer_types") else { return Ok(()) };
    let all_full = types.as_array().is_some_and(|types| types.iter().all(|kind| kind == "full_attention"));
    if all_full { Ok(()) } else { Err(PolicyError::config("layer_types", "only full_attention is supported")) }
}
