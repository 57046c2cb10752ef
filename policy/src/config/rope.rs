//! Rotary embedding's base and scaling, from the layout of transformers 4 or 5.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::json::Fields;
use crate::error::PolicyError;

/// A stretch of rotary frequencies, for contexts longer than the model was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rope_type", rename_all = "snake_case")]
pub enum RopeScaling {
    /// Llama 3: low frequencies divided by `factor`, high ones kept, a smooth ramp between.
    Llama3 {
        /// Divisor of the lowest frequencies.
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
        /// Length of the new context over that of pre-training.
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

/// The base (`rope_theta`, 10,000 where absent) and the scaling.
pub(super) fn read(fields: &mut Fields<'_>) -> Result<(f64, Option<RopeScaling>), PolicyError> {
    let outer_theta = fields.number("rope_theta")?;
    let (field, raw) = match (fields.get("rope_parameters"), fields.get("rope_scaling")) {
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
