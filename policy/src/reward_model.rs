//! A reward model: the same decoder under a scalar head, read at a sequence's last token.
//!
//! The layout is transformers' `…ForSequenceClassification` with one label: `score.weight` `[1, hidden]`, no bias.

use std::path::Path;

use tch::{Kind, Tensor};

use crate::attention::PackedAttention;
use crate::chat_template::ChatTemplate;
use crate::config::{ModelClass, ModelConfig};
use crate::decoder::Decoder;
use crate::error::PolicyError;
use crate::folder::{TextFiles, write_model};
use crate::parameters::Parameter;
use crate::placement::Placement;
use crate::policy::Policy;
use crate::texts::Texts;
use crate::tokenizer::Tokenizer;
use crate::weights::load_into;

/// A decoder, its scalar head, and the texts that turn a conversation into token ids.
#[derive(Debug)]
pub struct RewardModel {
    /// The decoder; its language model head is not used.
    pub decoder: Decoder,
    /// `[1, hidden]`
    score: Tensor,
    /// Text to ids.
    pub tokenizer: Tokenizer,
    /// Messages to the text that is scored.
    pub chat_template: ChatTemplate,
    files: TextFiles,
}

impl RewardModel {
    /// Starts from a language model's decoder, with a head of zeros: every score is 0 until it is trained.
    ///
    /// # Errors
    /// The folder is no loadable language model.
    pub fn from_policy_folder(folder: &Path, placement: Placement) -> Result<Self, PolicyError> {
        let Policy { decoder, tokenizer, chat_template, files, .. } = Policy::load(folder, placement)?;
        let score = Tensor::zeros([1, decoder.config().hidden_size], placement.options());
        Ok(Self { decoder, score, tokenizer, chat_template, files })
    }

    /// Loads a folder that [`RewardModel::save`] or transformers wrote.
    ///
    /// # Errors
    /// The folder is no loadable reward model.
    pub fn load(folder: &Path, placement: Placement) -> Result<Self, PolicyError> {
        let config = ModelConfig::from_file(&folder.join("config.json"))?;
        let Texts { tokenizer, chat_template, files, .. } = Texts::load(folder)?;
        let (decoder, score) = load_scorer(folder, &config, placement)?;
        Ok(Self { decoder, score, tokenizer, chat_template, files })
    }

    /// Scores packed sequences: `ids` `[tokens]` int64 of sequences of these lengths -> `[sequences]`, float32.
    pub fn score(&self, ids: &Tensor, lengths: &[usize]) -> Tensor {
        score_packed(&self.decoder, &self.score, ids, lengths)
    }

    /// The tensors that training updates: the decoder without a language model head of its own, and the scalar head.
    pub fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = self.decoder.parameters();
        parameters.retain(|parameter| parameter.name != "lm_head.weight");
        parameters.push(Parameter { name: "score.weight".into(), tensor: self.score.shallow_clone() });
        parameters
    }

    /// Writes the folder in the layout of transformers' sequence classification.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), PolicyError> {
        let mut state = self.decoder.state();
        state.retain(|(name, _)| name != "lm_head.weight");
        state.push(("score.weight".into(), self.score.shallow_clone()));
        let class = ModelClass::SequenceClassification { pad_token_id: self.files.pad_token_id() };
        write_model(folder, self.decoder.config(), class, &state)?;
        self.files.write(folder)
    }
}

/// The decoder and the scalar head `[1, hidden]` of a folder.
fn load_scorer(folder: &Path, config: &ModelConfig, placement: Placement) -> Result<(Decoder, Tensor), PolicyError> {
    let decoder = Decoder::empty(config, false, placement);
    let score = Tensor::zeros([1, config.hidden_size], placement.options());
    let mut targets = decoder.state();
    targets.push(("score.weight".into(), score.shallow_clone()));
    load_into(folder, &targets, |name| name == "lm_head.weight")?;
    Ok((decoder, score))
}

/// `ids` `[tokens]` of sequences of these lengths -> `[sequences]`, float32.
fn score_packed(decoder: &Decoder, score: &Tensor, ids: &Tensor, lengths: &[usize]) -> Tensor {
    let positions: Vec<i64> = lengths.iter().flat_map(|length| 0..*length as i64).collect();
    let positions = Tensor::from_slice(&positions).to_device(ids.device());
    let hidden = decoder.hidden(ids, &positions, &mut PackedAttention::new(lengths, ids.device()));
    let last: Vec<i64> = lengths
        .iter()
        .scan(0, |end, length| {
            *end += *length as i64;
            Some(*end - 1)
        })
        .collect();
    let last = Tensor::from_slice(&last).to_device(ids.device());
    hidden.index_select(0, &last).linear(score, None::<&Tensor>).squeeze_dim(1).to_kind(Kind::Float)
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
        let (decoder, score) = load_scorer(&folder, &config, Placement::CPU).unwrap();
        let lengths: Vec<i64> = Vec::try_from(&expected["lengths"]).unwrap();
        let rows: Vec<Tensor> =
            lengths.iter().enumerate().map(|(i, n)| expected["input_ids"].get(i as i64).narrow(0, 0, *n)).collect();
        let lengths: Vec<usize> = lengths.iter().map(|length| *length as usize).collect();
        let scores = score_packed(&decoder, &score, &Tensor::cat(&rows, 0), &lengths);
        let difference = (scores - &expected["scores"]).abs().max().double_value(&[]);
        assert!(difference < 1e-5, "scores differ by {difference}");
    }
}
