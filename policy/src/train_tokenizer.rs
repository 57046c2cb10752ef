//! Training of a tokenizer on texts: byte-level BPE, so that every text has ids and every id has bytes.

use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer};

use crate::error::PolicyError;

/// The special tokens of a trained tokenizer, whose ids are 0, 1, …: end of text, the two marks of a turn, and the two
/// around thinking (which are plain tokens: they stay in the decoded text).
pub const SPECIAL_TOKENS: [&str; 5] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"];

/// ChatML, without a default system prompt: the chat template of a trained tokenizer.
pub const CHAT_TEMPLATE: &str = "{%- for message in messages %}{{ '<|im_start|>' + message.role + '\n' + \
    message.content + '<|im_end|>' + '\n' }}{%- endfor %}{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' \
    }}{%- endif %}";

/// Trains a byte-level BPE of at most `vocab_size` tokens and returns its `tokenizer.json`.
///
/// # Errors
/// `vocab_size` does not hold the 256 bytes and the special tokens, or the trainer fails.
pub fn train_tokenizer<'a>(
    texts: impl Iterator<Item = &'a str> + Send,
    vocab_size: usize,
) -> Result<Vec<u8>, PolicyError> {
    let smallest = 256 + SPECIAL_TOKENS.len();
    if vocab_size < smallest {
        let reason = format!("a byte-level vocabulary holds at least {smallest} tokens, not {vocab_size}");
        return Err(PolicyError::Tokenizer(reason));
    }
    let refuse = |error: tokenizers::Error| PolicyError::Tokenizer(error.to_string());
    let special = |(index, text): (usize, &&str)| AddedToken::from(*text, index < 3);
    let trainer = BpeTrainer::builder()
        .vocab_size(vocab_size)
        .min_frequency(2)
        .show_progress(false)
        .special_tokens(SPECIAL_TOKENS.iter().enumerate().map(special).collect())
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    let mut tokenizer = Tokenizer::new(BPE::default());
    // Digits are split off, two at most a token: a number has the same tokens whatever stands beside it.
    let digits =
        Split::new(SplitPattern::Regex(r"\d{1,2}".into()), SplitDelimiterBehavior::Isolated, false).map_err(refuse)?;
    let words = ByteLevel::new(false, true, true);
    tokenizer.with_pre_tokenizer(Some(Sequence::new(vec![digits.into(), words.into()])));
    tokenizer.with_decoder(Some(ByteLevel::new(false, true, true)));
    let texts = texts.map(str::to_owned).collect::<Vec<_>>();
    tokenizer.train(&mut TrainerWrapper::from(trainer), texts.into_iter()).map_err(refuse)?;
    Ok(tokenizer.to_string(true).map_err(refuse)?.into_bytes())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn trained_tokenizer_is_reproducible_and_lossless() {
        let texts = ["Tom has 7 pens. He finds 5.\n", "7 + 5 = 12\n<think>\n"].repeat(20);
        let first = train_tokenizer(texts.iter().copied(), 300).unwrap();
        assert_eq!(first, train_tokenizer(texts.iter().copied(), 300).unwrap());
        let tokenizer = crate::Tokenizer::from_bytes(&first, Path::new("tokenizer.json")).unwrap();
        for text in ["<think>\n7 + 5 = 12\n</think>\n\nÄ unseen 🦀", "def f(x):\n    return (x + 3)  * 2\n"] {
            assert_eq!(tokenizer.decode(&tokenizer.encode(text).unwrap(), false).unwrap(), text);
        }
        assert_eq!(tokenizer.encode("<|im_end|>").unwrap(), [2]);
        assert!(tokenizer.vocab_size() <= 300);
    }
}
