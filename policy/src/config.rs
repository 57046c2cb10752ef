//! A model's `config.json`, as Hugging Face publishes it: parsed, then held against what this decoder can compute.
//!
//! A field that changes the mathematics is honoured or refused, never ignored; a field that nobody has classified is
//! refused too. The layouts of transformers 4 (`rope_theta`, `rope_scaling`) and 5 (`rope_parameters`) are both read.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::PolicyError;

/// The families of decoder that this crate computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// Biases on q, k and v.
    Qwen2,
    /// No biases; q and k are normalised per head.
    Qwen3,
    /// No biases.
    Llama,
}

impl Architecture {
    fn model_type(self) -> &'static str {
        match self {
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
            Self::Llama => "llama",
        }
    }

    /// The class name that transformers writes in `architectures`.
    pub fn causal_class(self) -> &'static str {
        match self {
            Self::Qwen2 => "Qwen2ForCausalLM",
            Self::Qwen3 => "Qwen3ForCausalLM",
            Self::Llama => "LlamaForCausalLM",
        }
    }

    /// The class name of the same decoder under a scalar head.
    pub fn reward_class(self) -> &'static str {
        match self {
            Self::Qwen2 => "Qwen2ForSequenceClassification",
            Self::Qwen3 => "Qwen3ForSequenceClassification",
            Self::Llama => "LlamaForSequenceClassification",
        }
    }
}

/// How rotary frequencies are stretched for contexts longer than the model was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rope_type", rename_all = "snake_case")]
pub enum RopeScaling {
    /// Llama 3's: low frequencies divided by `factor`, high ones kept, a smooth ramp between.
    Llama3 {
        /// The division of the lowest frequencies.
        factor: f64,
        /// Wavelengths above `original / low_freq_factor` are scaled in full.
        low_freq_factor: f64,
        /// Wavelengths below `original / high_freq_factor` are kept.
        high_freq_factor: f64,
        /// Positions of the pre-training context.
        original_max_position_embeddings: f64,
    },
    /// YaRN (arXiv 2309.00071).
    Yarn {
        /// Context extension.
        factor: f64,
        /// Positions of the pre-training context; the model's maximum divided by `factor` where absent.
        original_max_position_embeddings: Option<f64>,
        /// Scale of cos and sin; `0.1 ln factor + 1` where absent.
        attention_factor: Option<f64>,
        /// Rotations above which a frequency is kept (32 where absent).
        beta_fast: Option<f64>,
        /// Rotations below which a frequency is interpolated (1 where absent).
        beta_slow: Option<f64>,
    },
}

/// What the decoder needs of a `config.json`. Names are the file's own.
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
}

/// Fields that say nothing about what the forward pass computes.
const NEUTRAL: &[&str] = &[
    "architectures",
    "model_type",
    "torch_dtype",
    "dtype",
    "transformers_version",
    "use_cache",
    "pad_token_id",
    "max_window_layers",
    "_name_or_path",
    "pretraining_tp",
    "id2label",
    "label2id",
    "num_labels",
    "problem_type",
    "is_llama_config",
    "_attn_implementation",
    "_attn_implementation_autoset",
    "auto_map",
    "unsloth_fixed",
    "transformers.js_config",
    "task_specific_params",
    "finetuning_task",
    "output_attentions",
    "output_hidden_states",
    "return_dict",
    "initializer_range",
];

/// Fields that change the mathematics, and the one value of each (besides null) that this decoder computes.
const FIXED: &[(&str, &str)] = &[
    ("hidden_act", "\"silu\""),
    ("use_sliding_window", "false"),
    ("attention_bias", "false"),
    ("mlp_bias", "false"),
    ("attention_dropout", "0.0"),
    ("rope_interleaved", "false"),
];

impl ModelConfig {
    /// Reads and checks a `config.json`.
    ///
    /// # Errors
    /// The file cannot be read, is not JSON, lacks a field, or asks for something this decoder does not compute.
    pub fn from_file(path: &Path) -> Result<Self, PolicyError> {
        let text = std::fs::read_to_string(path).map_err(|source| PolicyError::io(path, source))?;
        let value: Value =
            serde_json::from_str(&text).map_err(|error| PolicyError::malformed(path, format!("not JSON: {error}")))?;
        Self::from_json(&value).map_err(|error| PolicyError::malformed(path, error.to_string()))
    }

    /// Checks a parsed `config.json`.
    ///
    /// # Errors
    /// A field is missing, of the wrong type, or not supported; the error names it.
    pub fn from_json(value: &Value) -> Result<Self, PolicyError> {
        let object = value.as_object().ok_or_else(|| PolicyError::config("(whole file)", "is not an object"))?;
        let mut fields = Fields { object, seen: Vec::new() };
        let architecture = match fields.text("model_type")?.as_str() {
            "qwen2" => Architecture::Qwen2,
            "qwen3" => Architecture::Qwen3,
            "llama" => Architecture::Llama,
            other => {
                return Err(PolicyError::config(
                    "model_type",
                    format!("`{other}` is not supported; supported are qwen2, qwen3 and llama"),
                ));
            }
        };
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
        fields.check_layer_types()?;
        let (rope_theta, rope_scaling) = fields.rope()?;
        let config = Self {
            architecture,
            vocab_size: fields.positive("vocab_size")?,
            hidden_size,
            intermediate_size: fields.positive("intermediate_size")?,
            num_hidden_layers,
            num_attention_heads,
            num_key_value_heads,
            head_dim,
            max_position_embeddings: fields.positive("max_position_embeddings")?,
            rms_norm_eps: fields.number("rms_norm_eps")?.unwrap_or(1e-6),
            rope_theta,
            rope_scaling,
            tie_word_embeddings: fields.boolean("tie_word_embeddings")?.unwrap_or(false),
            initializer_range: fields.number("initializer_range")?.unwrap_or(0.02),
            bos_token_id: fields.ids("bos_token_id")?.first().copied(),
            eos_token_ids: fields.ids("eos_token_id")?,
        };
        fields.seen.push("sliding_window"); // without use_sliding_window it has no effect
        fields.refuse_the_rest()?;
        Ok(config)
    }

    /// The `config.json` that transformers reads back to the same model.
    pub fn to_json(&self, class: &str, num_labels: Option<i64>) -> Value {
        let mut json = serde_json::json!({
            "architectures": [class],
            "model_type": self.architecture.model_type(),
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.num_hidden_layers,
            "num_attention_heads": self.num_attention_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "hidden_act": "silu",
            "max_position_embeddings": self.max_position_embeddings,
            "initializer_range": self.initializer_range,
            "rms_norm_eps": self.rms_norm_eps,
            "rope_theta": self.rope_theta,
            "rope_scaling": self.rope_scaling,
            "tie_word_embeddings": self.tie_word_embeddings,
            "attention_dropout": 0.0,
            "use_cache": true,
            "bos_token_id": self.bos_token_id,
            "torch_dtype": "float32",
        });
        let object = json.as_object_mut().expect("an object literal");
        object.insert(
            "eos_token_id".into(),
            match self.eos_token_ids.as_slice() {
                [] => Value::Null,
                [one] => Value::from(*one),
                many => Value::from(many.to_vec()),
            },
        );
        match self.architecture {
            Architecture::Qwen2 => {
                object.insert("use_sliding_window".into(), false.into());
            }
            Architecture::Qwen3 => {
                object.insert("head_dim".into(), self.head_dim.into());
                object.insert("attention_bias".into(), false.into());
                object.insert("use_sliding_window".into(), false.into());
            }
            Architecture::Llama => {
                object.insert("head_dim".into(), self.head_dim.into());
                object.insert("attention_bias".into(), false.into());
                object.insert("mlp_bias".into(), false.into());
            }
        }
        if let Some(num_labels) = num_labels {
            let labels = (0..num_labels).map(|label| (label.to_string(), Value::from(format!("LABEL_{label}"))));
            object.insert("id2label".into(), Value::Object(labels.collect()));
        }
        json
    }
}

/// A `config.json` with a note of which fields were read.
struct Fields<'a> {
    object: &'a Map<String, Value>,
    seen: Vec<&'a str>,
}

impl<'a> Fields<'a> {
    fn get(&mut self, name: &'a str) -> Option<&'a Value> {
        self.seen.push(name);
        self.object.get(name).filter(|value| !value.is_null())
    }

    fn text(&mut self, name: &'a str) -> Result<String, PolicyError> {
        let value = self.get(name).ok_or_else(|| PolicyError::config(name, "is missing"))?;
        Ok(value.as_str().ok_or_else(|| PolicyError::config(name, format!("{value} is not a string")))?.to_owned())
    }

    fn optional_integer(&mut self, name: &'a str) -> Result<Option<i64>, PolicyError> {
        self.get(name)
            .map(|value| value.as_i64().ok_or_else(|| PolicyError::config(name, format!("{value} is not an integer"))))
            .transpose()
    }

    fn positive(&mut self, name: &'a str) -> Result<i64, PolicyError> {
        match self.optional_integer(name)? {
            Some(value) if value > 0 => Ok(value),
            Some(value) => Err(PolicyError::config(name, format!("{value} is not positive"))),
            None => Err(PolicyError::config(name, "is missing")),
        }
    }

    fn number(&mut self, name: &'a str) -> Result<Option<f64>, PolicyError> {
        self.get(name)
            .map(|value| value.as_f64().ok_or_else(|| PolicyError::config(name, format!("{value} is not a number"))))
            .transpose()
    }

    fn boolean(&mut self, name: &'a str) -> Result<Option<bool>, PolicyError> {
        self.get(name)
            .map(|value| value.as_bool().ok_or_else(|| PolicyError::config(name, format!("{value} is not a boolean"))))
            .transpose()
    }

    fn ids(&mut self, name: &'a str) -> Result<Vec<u32>, PolicyError> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(value) => token_ids(value).ok_or_else(|| PolicyError::config(name, format!("{value} is no token id"))),
        }
    }

    fn check_layer_types(&mut self) -> Result<(), PolicyError> {
        let Some(types) = self.get("layer_types") else { return Ok(()) };
        let all_full = types.as_array().is_some_and(|types| types.iter().all(|kind| kind == "full_attention"));
        if all_full { Ok(()) } else { Err(PolicyError::config("layer_types", "only full_attention is supported")) }
    }

    /// `(rope_theta, scaling)` from either layout.
    fn rope(&mut self) -> Result<(f64, Option<RopeScaling>), PolicyError> {
        let outer_theta = self.number("rope_theta")?;
        let (field, raw) = match (self.get("rope_parameters"), self.get("rope_scaling")) {
            (Some(raw), _) => ("rope_parameters", raw),
            (None, Some(raw)) => ("rope_scaling", raw),
            (None, None) => return Ok((outer_theta.unwrap_or(10_000.0), None)),
        };
        let refuse = |reason: String| PolicyError::config(field, reason);
        let mut object = raw.as_object().ok_or_else(|| refuse("is not an object".into()))?.clone();
        let theta = match object.remove("rope_theta") {
            Some(theta) => theta.as_f64().ok_or_else(|| refuse(format!("rope_theta {theta} is not a number")))?,
            None => outer_theta.unwrap_or(10_000.0),
        };
        let old_name = object.remove("type");
        let kind = object.remove("rope_type").or(old_name).unwrap_or_else(|| "default".into());
        if kind == "default" {
            return match object.keys().next() {
                None => Ok((theta, None)),
                Some(key) => Err(refuse(format!("`{key}` is not supported"))),
            };
        }
        let known = [
            "factor",
            "low_freq_factor",
            "high_freq_factor",
            "original_max_position_embeddings",
            "attention_factor",
            "beta_fast",
            "beta_slow",
        ];
        if let Some(key) = object.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(refuse(format!("`{key}` is not supported")));
        }
        object.insert("rope_type".into(), kind);
        let scaling = serde_json::from_value(Value::Object(object)).map_err(|error| refuse(error.to_string()))?;
        Ok((theta, Some(scaling)))
    }

    fn refuse_the_rest(&self) -> Result<(), PolicyError> {
        for (name, value) in self.object {
            let name = name.as_str();
            if value.is_null() || self.seen.contains(&name) || NEUTRAL.contains(&name) {
                continue;
            }
            match FIXED.iter().find(|(fixed, _)| *fixed == name) {
                Some((_, only)) if same_value(value, only) => {}
                Some((_, only)) => {
                    return Err(PolicyError::config(name, format!("{value} is not supported, only {only}")));
                }
                None => {
                    return Err(PolicyError::config(
                        name,
                        "is unknown: it may change what the model computes, so it is not ignored",
                    ));
                }
            }
        }
        Ok(())
    }
}

fn same_value(value: &Value, only: &str) -> bool {
    let only: Value = serde_json::from_str(only).expect("a JSON literal");
    match (value.as_f64(), only.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => *value == only,
    }
}

/// One id or a list of them.
pub(crate) fn token_ids(value: &Value) -> Option<Vec<u32>> {
    let one = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    match value {
        Value::Null => Some(Vec::new()),
        Value::Array(ids) => ids.iter().map(one).collect(),
        id => one(id).map(|id| vec![id]),
    }
}
