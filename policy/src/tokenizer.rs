//! Text to token ids and back, as a `tokenizer.json` says, by the `tokenizers` library.

use std::path::Path;

use crate::error::PolicyError;

/// Text to ids and back.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
}

impl Tokenizer {
    /// Parses the bytes of a `tokenizer.json`; `path` is named in errors.
    ///
    /// # Errors
    /// The bytes are no tokenizer.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, PolicyError> {
        let mut inner = tokenizers::Tokenizer::from_bytes(bytes)
            .map_err(|error| PolicyError::malformed(path, format!("is no tokenizer: {error}")))?;
        inner.with_truncation(None).map_err(|error| PolicyError::malformed(path, format!("truncation: {error}")))?;
        inner.with_padding(None);
        Ok(Self { inner })
    }

    /// The ids of a text. Special tokens written in it are recognised; none are added.
    ///
    /// # Errors
    /// The tokenizer refuses the text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, PolicyError> {
        let encoding =
            self.inner.encode_fast(text, false).map_err(|error| PolicyError::Tokenizer(error.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of some ids, with or without special tokens; bytes that are no UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// The tokenizer refuses the ids.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String, PolicyError> {
        self.inner.decode(ids, skip_special).map_err(|error| PolicyError::Tokenizer(error.to_string()))
    }

    /// The id of a token; none where the vocabulary does not hold it.
    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// The added token (`<|im_end|>`, `</s>`) that a text begins with, the longest of several, with its id.
    pub fn leading_token(&self, text: &str) -> Option<(String, u32)> {
        let added = self.inner.get_added_tokens_decoder();
        let leading =
            added.into_iter().filter(|(_, token)| !token.content.is_empty() && text.starts_with(&token.content));
        leading.max_by_key(|(_, token)| token.content.len()).map(|(id, token)| (token.content, id))
    }

    /// One more than the largest id: the smallest vocabulary that a model for this tokenizer has.
    pub fn vocab_size(&self) -> usize {
        self.inner.get_vocab(true).into_values().max().map_or(0, |id| id as usize + 1)
    }
}
