//! A policy: a decoder with its texts, loaded from and saved to a folder.

use std::path::Path;
use std::sync::Arc;

use crate::config::{ModelClass, ModelConfig};
use crate::decoder::Decoder;
use crate::error::PolicyError;
use crate::folder::{write_config, write_model, write_pieces};
use crate::store::Storage;
use crate::texts::Texts;
use crate::weights::write_pieces_index;

/// A decoder, and the texts that turn a conversation into token ids and back.
#[derive(Debug)]
pub struct Policy {
    /// The model, with a language model's head.
    pub decoder: Decoder,
    /// Tokenizer, chat template and the ids that end a completion; shared with who needs no weights.
    pub texts: Arc<Texts>,
}

impl Policy {
    /// Loads a folder: `config.json`, `model.safetensors` (or shards or the pieces of ranks, with their index),
    /// `tokenizer.json`, and a chat template in `tokenizer_config.json` or `chat_template.jinja`. The weights go to a
    /// store of `storage`.
    ///
    /// # Errors
    /// A file is missing, truncated or unusable, the tokenizer's vocabulary does not fit the model's, or there is no
    /// store.
    pub fn load<S: Storage>(folder: &Path, storage: S) -> Result<Self, S::Error> {
        if !folder.is_dir() {
            let reason = "is not a folder; a model is a folder in Hugging Face's layout";
            return Err(PolicyError::malformed(folder, reason).into());
        }
        let config = ModelConfig::from_file(&folder.join("config.json"))?;
        let texts = Arc::new(Texts::load(folder)?);
        let mut decoder = Decoder::with_store(&config, storage.store(&config, true)?);
        decoder.load_weights(folder)?;
        Ok(Self { decoder, texts })
    }

    /// Writes the folder that [`Policy::load`] and transformers read: what was loaded, but for the weights and the word
    /// for their dtype. The token that ends a turn is named in its `generation_config.json`, also where the folder that
    /// was loaded did not name it.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), PolicyError> {
        write_model(folder, self.decoder.config(), ModelClass::CausalLm, &self.decoder.state())?;
        self.texts.files.write(folder)
    }

    /// Writes the file of rank `rank` of the `num_ranks` over which the weights are cut: what this rank holds, as it
    /// is, without an operation between ranks. Every rank writes its file, also one that holds nothing; of replicas,
    /// which hold the same, one does. Returns the file's name, `model-rank-00000-of-00004.safetensors`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save_pieces(&self, folder: &Path, rank: usize, num_ranks: usize) -> Result<String, PolicyError> {
        write_pieces(folder, rank, num_ranks, &self.decoder.held())
    }

    /// Completes the folder when all `num_ranks` ranks have written their files: one rank writes configuration and
    /// texts and, last, `model.pieces.json`, which makes it a folder that [`Policy::load`] takes. Transformers reads it
    /// after [`export_folder`](crate::export_folder).
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn save_pieces_index(&self, folder: &Path, num_ranks: usize) -> Result<(), PolicyError> {
        let kind = self.decoder.kind();
        write_config(folder, self.decoder.config(), ModelClass::CausalLm, kind)?;
        self.texts.files.write(folder)?;
        let tensors = self.decoder.shapes().into_iter().map(|shape| (shape, kind)).collect();
        write_pieces_index(folder, num_ranks, tensors)
    }
}
