//! Rotary embedding's base and scaling, from the layout of transformers 4 or 5.
//!
//! Fields that are absent get transformers' defaults (5.23, `modeling_rope_utils.py`), here and nowhere else.

use serde_json::{Value, json};

use super::json::Fields;
use crate::error::PolicyError;

/// A stretch of rotary frequencies, for contexts longer than the model was trained on.
#[derive(Clone, Debug, PartialEq)]
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
        /// Positions of the pre-training context; `max_position_embeddings`, undivided, where the file has none.
        original_max_position_embeddings: f64,
        /// Scale of cos and sin; `0.1 ln factor + 1` where the file has none (1 for a factor of 1 or less).
        attention_factor: f64,
        /// Rotations above which a frequency is kept; 32 where the file has none.
        beta_fast: f64,
        /// Rotations below which a frequency is interpolated; 1 where the file has none.
        beta_slow: f64,
    },
}

impl RopeScaling {
    /// The object that transformers reads as `rope_scaling`.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Llama3 { factor, low_freq_factor, high_freq_factor, original_max_position_embeddings } => json!({
                "rope_type": "llama3",
                "factor": factor,
                "low_freq_factor": low_freq_factor,
                "high_freq_factor": high_freq_factor,
                "original_max_position_embeddings": *original_max_position_embeddings as i64,
            }),
            Self::Yarn { factor, original_max_position_embeddings, attention_factor, beta_fast, beta_slow } => json!({
                "rope_type": "yarn",
                "factor": factor,
                "original_max_position_embeddings": *original_max_position_embeddings as i64,
                "attention_factor": attention_factor,
                "beta_fast": beta_fast,
                "beta_slow": beta_slow,
            }),
        }
    }
}

/// The base (`rope_theta`, 10,000 where absent) and the scaling of a model of this many positions.
pub(super) fn read(
    fields: &mut Fields<'_>,
    max_position_embeddings: i64,
) -> Result<(f64, Option<RopeScaling>), PolicyError> {
    let outer_theta = fields.number("rope_theta")?;
    let (field, raw) = match (fields.get("rope_parameters"), fields.get("rope_scaling")) {
        (Some(raw), _) => ("rope_parameters", raw),
        (None, Some(raw)) => ("rope_scaling", raw),
        (None, None) => return Ok((outer_theta.unwrap_or(10_000.0), None)),
    };
    let object = raw.as_object().ok_or_else(|| fields.refuse(field, "is not an object"))?;
    let mut rope = Fields::within(field, object);
    let theta = rope.number("rope_theta")?.or(outer_theta).unwrap_or(10_000.0);
    let old_name = rope.get("type");
    let kind = rope.get("rope_type").or(old_name);
    let scaling = match kind.map(|kind| kind.as_str().unwrap_or_default()) {
        None | Some("default") => None,
        Some("llama3") => Some(RopeScaling::Llama3 {
            factor: above_zero(&mut rope, "factor")?,
            low_freq_factor: above_zero(&mut rope, "low_freq_factor")?,
            high_freq_factor: above_zero(&mut rope, "high_freq_factor")?,
            original_max_position_embeddings: above_zero(&mut rope, "original_max_position_embeddings")?,
        }),
        Some("yarn") => {
            let factor = above_zero(&mut rope, "factor")?;
            let attention_factor = if factor > 1.0 { 0.1 * factor.ln() + 1.0 } else { 1.0 };
            let original = optional(&mut rope, "original_max_position_embeddings")?;
            Some(RopeScaling::Yarn {
                factor,
                original_max_position_embeddings: original.unwrap_or(max_position_embeddings as f64),
                attention_factor: optional(&mut rope, "attention_factor")?.unwrap_or(attention_factor),
                beta_fast: optional(&mut rope, "beta_fast")?.unwrap_or(32.0),
                beta_slow: optional(&mut rope, "beta_slow")?.unwrap_or(1.0),
            })
        }
        Some(_) => {
            let kind = kind.expect("matched above");
            let reason = format!("{kind} is not supported; supported are \"default\", \"llama3\" and \"yarn\"");
            return Err(rope.refuse("rope_type", reason));
        }
    };
    if let Some((name, _)) = rope.unread().next() {
        return Err(rope.refuse(name, "is not supported with this rope_type"));
    }
    Ok((theta, scaling))
}

/// A number above 0, which transformers asks for too.
fn above_zero<'a>(rope: &mut Fields<'a>, name: &'a str) -> Result<f64, PolicyError> {
    optional(rope, name)?.ok_or_else(|| rope.refuse(name, "is missing"))
}

fn optional<'a>(rope: &mut Fields<'a>, name: &'a str) -> Result<Option<f64>, PolicyError> {
    match rope.number(name)? {
        Some(number) if number <= 0.0 => Err(rope.refuse(name, format!("{number} is not above 0"))),
        number => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaling(rope_scaling: &Value) -> Result<Option<RopeScaling>, String> {
        let config = json!({"rope_scaling": rope_scaling});
        let mut fields = Fields::new(config.as_object().unwrap());
        read(&mut fields, 4096).map(|(_, scaling)| scaling).map_err(|error| error.to_string())
    }

    #[test]
    fn what_yarn_leaves_out_is_transformers_default() {
        let given = json!({
            "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 4096,
            "attention_factor": 0.1 * 4f64.ln() + 1.0, "beta_fast": 32, "beta_slow": 1,
        });
        let bare = scaling(&json!({"type": "yarn", "factor": 4, "beta_slow": null})).unwrap();
        assert_eq!(bare, scaling(&given).unwrap());
        let Some(RopeScaling::Yarn { original_max_position_embeddings, .. }) = bare else { panic!("{bare:?}") };
        assert_eq!(original_max_position_embeddings, 4096.0);
    }

    #[test]
    fn what_is_written_is_what_was_read() {
        for given in [
            json!({"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4.50,
                   "original_max_position_embeddings": 64}),
            json!({"rope_type": "yarn", "factor": 1e1}),
        ] {
            let read = scaling(&given).unwrap();
            assert_eq!(scaling(&read.as_ref().unwrap().to_json()).unwrap(), read);
        }
    }

    #[test]
    fn a_scaling_that_is_not_computed_is_refused_by_name() {
        for (given, name) in [
            (json!(4.0), "`rope_scaling`: is not an object"),
            (json!({"rope_type": "longrope", "factor": 4.0}), "`rope_scaling.rope_type`: \"longrope\""),
            (json!({"rope_type": 3}), "`rope_scaling.rope_type`: 3"),
            (json!({"rope_type": "yarn"}), "`rope_scaling.factor`: is missing"),
            (json!({"rope_type": "yarn", "factor": -2}), "`rope_scaling.factor`: -2 is not above 0"),
            (json!({"rope_type": "yarn", "factor": 2, "mscale": 0.7}), "`rope_scaling.mscale`"),
            (json!({"rope_type": "default", "factor": 2}), "`rope_scaling.factor`"),
            (
                json!({"rope_type": "llama3", "factor": 2, "low_freq_factor": 1, "high_freq_factor": 4}),
                "`rope_scaling.original_max_position_embeddings`: is missing",
            ),
        ] {
            let error = scaling(&given).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
    }
}
