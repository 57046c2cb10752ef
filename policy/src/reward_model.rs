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
use crate::folder::{write_config, write_model, write_pieces};
use crate::head::ScalarHead;
use crate::packed::Packed;
use crate::parameters::{HEAD, NamedTensors};
use crate::store::Storage;
use crate::texts::Texts;
use crate::walk::outputs;
use crate::weights::{load_into, write_pieces_index};

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
    /// Starts from a language model's decoder, with a head of zeros: every score is 0 until it is trained. The
    /// decoder's weights go to a store of `storage`.
    ///
    /// # Errors
    /// The folder is no loadable language model, or there is no store.
    pub fn from_policy_folder<S: Storage>(folder: &Path, storage: S) -> Result<Self, S::Error> {
        let model = Self::empty(folder, storage)?;
        load_into(folder, &model.decoder.shapes(), &model.decoder.held(), |name| name == HEAD)?;
        Ok(model)
    }

    /// Loads a folder that [`RewardModel::save`] or transformers wrote, the decoder's weights into a store of
    /// `storage`.
    ///
    /// # Errors
    /// The folder is no loadable reward model, or there is no store.
    pub fn load<S: Storage>(folder: &Path, storage: S) -> Result<Self, S::Error> {
        let model = Self::empty(folder, storage)?;
        load_both(folder, &model.decoder, &model.head, |name| name == HEAD)?;
        Ok(model)
    }

    /// A model of zeros with the texts of a folder.
    fn empty<S: Storage>(folder: &Path, storage: S) -> Result<Self, S::Error> {
        let config = ModelConfig::from_file(&folder.join("config.json"))?;
        let texts = Arc::new(Texts::load(folder)?);
        let decoder = Decoder::with_store(&config, storage.store(&config, false)?);
        let head = ScalarHead::zeros(config.hidden_size, decoder.device());
        Ok(Self { decoder, head, texts })
    }

    /// Loads a folder of either kind: a reward model with its head, or a language model, whose head is left out.
    ///
    /// # Errors
    /// The folder is neither, or there is no store.
    pub fn load_any<S: Storage>(folder: &Path, storage: S) -> Result<Self, S::Error> {
        let path = folder.join("config.json");
        let text = std::fs::read_to_string(&path).map_err(|source| PolicyError::io(&path, source))?;
        let config: Value =
            serde_json::from_str(&text).map_err(|error| PolicyError::malformed(&path, format!("not JSON: {error}")))?;
        let mut classes = config["architectures"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let scores = classes.any(|class| class.ends_with("ForSequenceClassification"));
        if scores { Self::load(folder, storage) } else { Self::from_policy_folder(folder, storage) }
    }

    /// Replaces the weights by those of a folder that [`RewardModel::save`] wrote, or the ranks of one with
    /// [`RewardModel::save_pieces`]. Where the decoder's are cut over ranks, each rank reads what it holds.
    ///
    /// # Errors
    /// The folder does not hold weights of this shape whole.
    pub fn load_weights(&mut self, folder: &Path) -> Result<(), PolicyError> {
        load_both(folder, &self.decoder, &self.head, |_| false)
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
        write_model(folder, self.decoder.config(), self.class(), &with_head(self.decoder.state(), &self.head))?;
        self.texts.files.write(folder)
    }

    /// Writes the file of rank `rank` of the `num_ranks` over which the decoder's weights are cut, as
    /// [`Policy::save_pieces`](crate::Policy::save_pieces) does; rank 0 writes the head. Returns the file's name.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save_pieces(&self, folder: &Path, rank: usize, num_ranks: usize) -> Result<String, PolicyError> {
        write_pieces(folder, rank, num_ranks, &with_head(self.decoder.held(), &self.head))
    }

    /// Completes the folder when all `num_ranks` ranks have written their files, as
    /// [`Policy::save_pieces_index`](crate::Policy::save_pieces_index) does.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn save_pieces_index(&self, folder: &Path, num_ranks: usize) -> Result<(), PolicyError> {
        let kind = self.decoder.kind();
        let mut tensors: Vec<_> = self.decoder.shapes().into_iter().map(|shape| (shape, kind)).collect();
        let head = self.head.parameter();
        tensors.extend(head.part_shapes().map(|shape| (shape, head.tensor.kind())));
        write_config(folder, self.decoder.config(), self.class(), kind)?;
        self.texts.files.write(folder)?;
        write_pieces_index(folder, num_ranks, tensors)
    }

    fn class(&self) -> ModelClass {
        ModelClass::SequenceClassification { pad_token_id: self.texts.files.pad_token_id() }
    }
}

/// Weights of a decoder with those of its head, sharing their storage.
fn with_head(mut weights: NamedTensors, head: &ScalarHead) -> NamedTensors {
    let score = head.parameter();
    weights.push((score.name, score.tensor));
    weights
}

/// Loads what is here of a decoder's weights, and its head.
fn load_both(
    folder: &Path,
    decoder: &Decoder,
    head: &ScalarHead,
    ignore: impl Fn(&str) -> bool,
) -> Result<(), PolicyError> {
    let shapes: Vec<_> = decoder.shapes().into_iter().chain(head.parameter().part_shapes()).collect();
    load_into(folder, &shapes, &with_head(decoder.held(), head), ignore)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::placement::Placement;

    #[test]
    fn scores_equal_transformers() {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/reward_model"));
        let expected: std::collections::HashMap<_, _> =
            Tensor::read_safetensors(folder.join("expected.safetensors")).unwrap().into_iter().collect();
        let config = ModelConfig::from_file(&folder.join("config.json")).unwrap();
        let decoder = Decoder::empty(&config, false, Placement::CPU);
        let head = ScalarHead::zeros(config.hidden_size, decoder.device());
        load_both(&folder, &decoder, &head, |name| name == HEAD).unwrap();
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
