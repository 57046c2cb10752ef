//! Engine options, checked before use.

use kernels::BLOCK_TOKENS;
use serde::{Deserialize, Serialize};

use crate::cache::{CacheTokens, blocks_of};
use crate::error::{RolloutError, check};

/// Completions that run at once, and the memory that their keys and values may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineOptions {
    /// Most completions in flight. Larger is faster until the cores or the memory are full.
    pub max_sequences: usize,
    /// Most tokens in the key-value cache, or "auto": what fits four fifths of the memory that is free when the first
    /// request is begun. Sequences take blocks of 16 tokens as they grow, and those of one beginning share its blocks;
    /// where blocks run out, the youngest sequence waits and is computed again. A token takes 2 x layers x key-value
    /// heads x head_dim numbers.
    pub cache_tokens: CacheTokens,
    /// Most tokens of prompts in one pass, beside the last one of each sequence; a longer prompt takes several passes,
    /// in which the other sequences go on. Bounds the activations' memory.
    pub prefill_tokens: usize,
    /// Keeps the matrices a second time in the order that the CPU's products read, and computes passes in float32 on a
    /// CPU with kernels made for that, which is faster: as much memory as the weights take, from a step's first token
    /// to its update. No change elsewhere.
    pub packed_weights: bool,
    /// Keys and values of sequences during which the weights change.
    pub cache_after_update: CacheAfterUpdate,
}

/// Keys and values of a sequence's tokens once the weights are others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheAfterUpdate {
    /// They are computed again by the new weights: what follows is sampled as if these had been given the tokens.
    #[default]
    Recompute,
    /// They stay those of the weights that computed them, and cost nothing: what follows is sampled from a mixture.
    Keep,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            max_sequences: 32,
            cache_tokens: CacheTokens::Tokens(65_536),
            prefill_tokens: 4096,
            packed_weights: true,
            cache_after_update: CacheAfterUpdate::Recompute,
        }
    }
}

impl EngineOptions {
    /// Most tokens of a prompt that a model of so many positions can complete by up to `max_new_tokens` tokens: one
    /// position is left for the completion, and both fit the cache, where its size is a number.
    pub fn longest_prompt(&self, max_positions: usize, max_new_tokens: usize) -> usize {
        let by_positions = max_positions.saturating_sub(1);
        match self.cache_tokens {
            CacheTokens::Auto => by_positions,
            CacheTokens::Tokens(tokens) if blocks_of(max_positions) <= tokens / BLOCK_TOKENS => by_positions,
            // The last block, where it is not whole, cannot be used.
            CacheTokens::Tokens(tokens) => {
                by_positions.min((tokens / BLOCK_TOKENS * BLOCK_TOKENS).saturating_sub(max_new_tokens))
            }
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`RolloutError::InvalidField`] names the first field that cannot be used.
    pub fn validate(&self) -> Result<(), RolloutError> {
        for (field, value) in [("max_sequences", self.max_sequences), ("prefill_tokens", self.prefill_tokens)] {
            check(value > 0, field, value, "must be at least 1")?;
        }
        let holds = self.cache_tokens.number().is_none_or(|tokens| tokens >= BLOCK_TOKENS);
        check(holds, "cache_tokens", self.cache_tokens, "must be \"auto\", or at least 16: a block of tokens")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid() {
        assert!(EngineOptions::default().validate().is_ok());
    }

    #[test]
    fn the_longest_prompt_leaves_room_for_its_completion() {
        let of = |cache_tokens| EngineOptions { cache_tokens, ..EngineOptions::default() };
        let options = |cache_tokens| of(CacheTokens::Tokens(cache_tokens));
        assert_eq!(options(65_536).longest_prompt(512, 400), 511);
        assert_eq!(options(1000).longest_prompt(4096, 100), 992 - 100);
        assert_eq!(options(1000).longest_prompt(992, 100), 991);
        assert_eq!(options(16).longest_prompt(4096, 4096), 0);
        assert_eq!(of(CacheTokens::Auto).longest_prompt(4096, 4096), 4095);
    }

    #[test]
    fn a_bad_option_is_named() {
        let options = EngineOptions { max_sequences: 0, ..EngineOptions::default() };
        assert!(options.validate().expect_err("no sequences").to_string().starts_with("max_sequences = 0"));
        let options = EngineOptions { cache_tokens: CacheTokens::Tokens(15), ..EngineOptions::default() };
        assert!(options.validate().expect_err("no block").to_string().starts_with("cache_tokens = 15"));
    }
}
