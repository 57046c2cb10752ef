//! The fields of a `config.json` that the decoder does not read: which may stand there, and with which value.

use serde_json::Value;

use super::json::Fields;
use crate::error::PolicyError;

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
    "sliding_window", // no effect without use_sliding_window, which must be false
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

/// Refuses a field that the decoder has not read and that is neither neutral nor fixed to what it computes.
///
/// # Errors
/// The first such field, named.
pub(super) fn refuse_unread(fields: &Fields<'_>) -> Result<(), PolicyError> {
    for (name, value) in fields.unread().filter(|(name, _)| !NEUTRAL.contains(name)) {
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

/// Equality with a JSON literal; numbers compare by value, so 0 is 0.0.
fn same_value(value: &Value, only: &str) -> bool {
    let only: Value = serde_json::from_str(only).expect("a JSON literal");
    match (value.as_f64(), only.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => *value == only,
    }
}
