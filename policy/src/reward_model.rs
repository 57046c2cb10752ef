//! A reward model: the same decoder under a scalar head, read at a sequence's last token.
//!
//! The layout is transformers' `…ForSequenceClassification` with one label: `score.weight` `[1, hidden]`, no bias.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tch::{Kind, Tensor};

use crate::config::{ModelClass, ModelConfig};
use crate::decoder::Decoder;
use crate::error::PolicyError;
use crate::folder::write_model;
use crate::head::ScalarHead;
use crate::packed::Packed;
use crate::placement::Placement;
use crate::texts::Texts;
use crate::walk::outputs;
use crate::weights::{NamedTensors, load_into};

/// A decoder, its scalar head, and the texts that turn a conversation into token ids.
#[derive(Debug)]
pub struct RewardModel {
    /// The decoder, without a language model's head of its own.
    pub decoder: Decoder,
    /// The scalar head.
    pub head: ScalarHead,
    /// Tokenizer, and the chat template of what is scored; shared with who needs no weights.
    pub texts: Arc<Texts>,
}

impl RewardModel {
    /// Starts from a language model's decoder, with a head of zeros: every score is 0 until it is trained.
    ///
    /// # Errors
    /// The folder is no loadable language model.
    pub fn from_policy_folder(folder: &Path, placement: Placement) -> Result<Self, PolicyError> {
        let config = ModelConfig::from_file(&folder.join("config.json"))?;
        let texts = Arc::new(Texts::load(folder)?);
        let decoder = Decoder::empty(&config, false, placement);
        load_into(folder, &decoder.state(), |name| name == "lm_head.weight")?;
        let head = ScalarHead::zeros(config.hidden_size, placement.device);
        Ok(Self { decoder, head, texts })
    }

    /// Loads a folder that [`RewardModel::save`] or transformers wrote.
    ///
    /// # Errors
    /// The folder is no loadable reward model.
    pub fn load(folder: &Path, placement: Placement) -> Result<Self, PolicyError> {
        let config = ModelConfig::from_file(&folder.join("config.json"))?;
        let texts = Arc::new(Texts::load(folder)?);
        let (decoder, head) = load_scorer(folder, &config, placement)?;
        Ok(Self { decoder, head, texts })
    }

    /// Loads a folder of either kind: a reward model with its head, or a language model, whose head is left out.
    ///
    /// # Errors
    /// The folder is neither.
    pub fn load_any(folder: &Path, placement: Placement) -> Result<Self, PolicyError> {
        let path = folder.join("config.json");
        let text = std::fs::read_to_string(&path).map_err(|source| PolicyError::io(&path, source))?;
        let config: Value =
            serde_json::from_str(&text).map_err(|error| PolicyError::malformed(&path, format!("not JSON: {error}")))?;
        let mut classes = config["architectures"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let scores = classes.any(|class| class.ends_with("ForSequenceClassification"));
        if scores { Self::load(folder, placement) } else { Self::from_policy_folder(folder, placement) }
    }

    /// Replaces the weights by those of a folder that [`RewardModel::save`] wrote.
    ///
    /// # Errors
    /// The folder holds no weights of this shape, or the store has cut them over ranks.
    pub fn load_weights(&mut self, folder: &Path) -> Result<(), PolicyError> {
        self.decoder.require_whole()?;
        load_into(folder, &state(&self.decoder, &self.head), |_| false)
    }

    /// Scores sequences of token ids, each at its last token: `[sequences]` float32.
    ///
    /// # Errors
    /// A sequence is empty.
    pub fn score(&self, sequences: &[&[u32]]) -> Result<Tensor, PolicyError> {
        if let Some(place) = sequences.iter().position(|ids| ids.is_empty()) {
            return Err(PolicyError::EmptySequence { place, count: sequences.len() });
        }
        if sequences.is_empty() {
            return Ok(Tensor::zeros([0], (Kind::Float, self.decoder.device())));
        }
        Ok(outputs(&self.decoder, &self.head, &Packed::at_ends(sequences, self.decoder.device())))
    }

    /// Writes the folder in the layout of transformers' sequence classification.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), PolicyError> {
        let class = ModelClass::SequenceClassification { pad_token_id: self.texts.files.pad_token_id() };
        write_model(folder, self.decoder.config(), class, &state(&self.decoder, &self.head))?;
        self.texts.files.write(folder)
    }
}

/// The weights under the names of a checkpoint, sharing their storage.
fn state(decoder: &Decoder, head: &ScalarHead) -> NamedTensors {
    let score = head.parameter();
    let mut state = decoder.state();
    state.push((score.name, score.tensor));
    state
}

/// The decoder and the scalar head of a folder.
fn load_scorer(
    folder: &Path,
    config: &ModelConfig,
    placement: Placement,
) -> Result<(Decoder, ScalarHead), PolicyError> {
    let decoder = Decoder::empty(config, false, placement);
    let head = ScalarHead::zeros(config.hidden_size, placement.device);
    load_into(folder, &state(&decoder, &head), |name| name == "lm_head.weight")?;
    Ok((decoder, head))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn scores_equal_transformers() {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/reward_model"));
        let expected: std::collections::HashMap<_, _> =
            Tensor::read_safetensors(folder.join("expected.safetensors")).unwrap().into_iter().collect();
        let config = ModelConfig::from_file(&folder.join("config.json")).unwrap();
        let (decoder, head) = load_scorer(&folder, &config, Placement::CPU).unwrap();
        let lengths: Vec<i64> = Vec::try_from(&expected["lengths"]).unwrap();
        let ids: Vec<Vec<i64>> = (0..lengths.len() as i64)
            .map(|row| Vec::try_from(expected["input_ids"].get(row).narrow(0, 0, lengths[row as usize])).unwrap())
            .collect();
        let ids: Vec<Vec<u32>> = ids.iter().map(|row| row.iter().map(|id| *id as u32).collect()).collect();
        let sequences: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
        let scores = outputs(&decoder, &head, &Packed::at_ends(&sequences, decoder.device()));
        let difference = (scores - &expected["scores"]).abs().max().double_value(&[]);
        assert!(difference < 1e-5, "scores differ by {difference}");
    }
}
