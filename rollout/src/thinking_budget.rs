//! The budget of a completion's thinking, checked before use.

use policy::Tokenizer;
use serde::{Deserialize, Serialize};

use crate::error::{RolloutError, check};

/// Tag that ends the thinking.
pub(crate) const CLOSING: &str = "</think>";

/// Most tokens that a completion may think, and what happens then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThinkingBudget {
    /// Most tokens that are sampled in thinking, `</think>` included.
    pub max_tokens: usize,
    /// Text that is put behind the last of them, such as `"\n</think>\n\n"`: sampling goes on behind it. Where empty
    /// the completion ends there, with the reason `length`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub forced_text: String,
}

impl ThinkingBudget {
    /// Checks both fields.
    ///
    /// # Errors
    /// [`RolloutError::InvalidField`] names the field that cannot be used.
    pub fn validate(&self) -> Result<(), RolloutError> {
        check(self.max_tokens > 0, "thinking.max_tokens", self.max_tokens, "must be at least 1")?;
        let text = &self.forced_text;
        check(
            text.is_empty() || text.contains(CLOSING),
            "thinking.forced_text",
            format!("{text:?}"),
            "must hold </think>, which ends the thinking; an empty text ends the completion",
        )
    }

    /// Ids of the text that is forced.
    ///
    /// # Errors
    /// The tokenizer refuses the text, or gives an id that the model's vocabulary lacks.
    pub(crate) fn forced_ids(&self, tokenizer: &Tokenizer, vocab_size: usize) -> Result<Vec<u32>, RolloutError> {
        let ids = tokenizer.encode(&self.forced_text).map_err(RolloutError::ForcedText)?;
        match ids.iter().find(|&&id| id as usize >= vocab_size) {
            None => Ok(ids),
            Some(&id) => Err(RolloutError::IdOutOfRange { field: "thinking.forced_text", id, vocab_size }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_field_is_named() {
        let budget = |max_tokens, text: &str| ThinkingBudget { max_tokens, forced_text: text.to_owned() };
        assert!(budget(1, "").validate().is_ok() && budget(9, "so\n</think>\n\n").validate().is_ok());
        for (budget, begin) in [(budget(0, ""), "thinking.max_tokens = 0"), (budget(1, "so"), "thinking.forced_text")] {
            let message = budget.validate().expect_err(begin).to_string();
            assert!(message.starts_with(begin), "{message}");
        }
    }
}
