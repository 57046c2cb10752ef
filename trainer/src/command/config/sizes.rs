//! The sizes of a run's models, from configurations alone.

use std::path::{Path, PathBuf};

use anyhow::Result;
use planner::ModelSizes;
use policy::{ModelConfig, parameter_shapes};

use super::kind::Configured;
use crate::failure::Usage;

/// The configuration of the model that is trained, and where it was found.
///
/// # Errors
/// A usage error: neither the model's folder nor `given` has one that can be used.
pub(super) fn model_config(configured: &Configured, given: Option<&Path>) -> Result<(ModelConfig, String)> {
    if let (Configured::ColdStart(config), None) = (configured, configured.model())
        && let Some(new_model) = &config.new_model
    {
        return Ok((new_model.model_config()?, "[new_model]".into()));
    }
    let folder = configured.model().unwrap_or(Path::new(""));
    let file = match (config_file(folder), given) {
        (Some(file), _) => file,
        (None, Some(file)) => file.to_owned(),
        (None, None) => {
            return Err(Usage::error(format!(
                "model.path: there is no {} here; give the model's config.json with --model-config FILE",
                folder.join("config.json").display()
            )));
        }
    };
    Ok((read(&file)?, file.display().to_string()))
}

/// The sizes of the model of a folder; none where it is not here.
///
/// # Errors
/// A usage error: its configuration cannot be used.
pub(super) fn sizes_of_folder(folder: &Path) -> Result<Option<ModelSizes>> {
    config_file(folder).map(|file| read(&file).map(|config| sizes(&config))).transpose()
}

fn config_file(folder: &Path) -> Option<PathBuf> {
    Some(folder.join("config.json")).filter(|file| file.is_file())
}

fn read(file: &Path) -> Result<ModelConfig> {
    ModelConfig::from_file(file).map_err(|error| Usage::error(error.to_string()))
}

/// The sizes of a decoder.
pub(in crate::command) fn sizes(config: &ModelConfig) -> ModelSizes {
    let of = |size: i64| size.unsigned_abs();
    let shapes = parameter_shapes(config);
    let has = |end: &str| shapes.iter().any(|parameter| parameter.name.ends_with(end));
    ModelSizes {
        vocab: of(config.vocab_size),
        hidden: of(config.hidden_size),
        intermediate: of(config.intermediate_size),
        blocks: of(config.num_hidden_layers),
        heads: of(config.num_attention_heads),
        kv_heads: of(config.num_key_value_heads),
        head_dim: of(config.head_dim),
        qkv_bias: has("q_proj.bias"),
        qk_norm: has("q_norm.weight"),
        tied: config.tie_word_embeddings,
    }
}
