//! Engine options, checked before use.

use serde::{Deserialize, Serialize};

use crate::cache::{round_down, round_up};
use crate::error::{RolloutError, check};

/// Most completions that run at once, and memory that their keys and values may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineOptions {
    /// Most completions in flight. Larger is faster until the cores or the memory are full.
    pub max_sequences: usize,
    /// Most tokens in the key-value cache, counted as sequences x longest sequence; requests wait while prompt and
    /// longest completion would not fit. A token takes 2 x layers x key-value heads x head_dim numbers.
    pub cache_tokens: usize,
    /// Most prompt tokens in one prefill (one prompt always goes through, however long). Bounds the activations'
    /// memory.
    pub prefill_tokens: usize,
    /// Keeps the matrices a second time in the order that the CPU's products read, which makes sampling in float32 on a
    /// CPU faster: as much memory as the weights take, from a step's first token to its update. No change elsewhere.
    pub packed_weights: bool,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { max_sequences: 32, cache_tokens: 65_536, prefill_tokens: 4096, packed_weights: true }
    }
}

impl EngineOptions {
    /// Most tokens of a prompt that a model of so many positions can complete by up to `max_new_tokens` tokens: one
    /// position is left for the completion, and both fit the cache.
    pub fn longest_prompt(&self, max_positions: usize, max_new_tokens: usize) -> usize {
        let by_positions = max_positions.saturating_sub(1);
        if round_up(max_positions) <= self.cache_tokens {
            return by_positions;
        }
        // The cache grows in steps: its last, partial one cannot be used.
        by_positions.min(round_down(self.cache_tokens).saturating_sub(max_new_tokens))
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`RolloutError::InvalidField`] names the first field that is 0.
    pub fn validate(&self) -> Result<(), RolloutError> {
        for (field, value) in [
            ("max_sequences", self.max_sequences),
            ("cache_tokens", self.cache_tokens),
            ("prefill_tokens", self.prefill_tokens),
        ] {
            check(value > 0, field, value, "must be at least 1")?;
        }
        Ok(())
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
        let options = |cache_tokens| EngineOptions { cache_tokens, ..EngineOptions::default() };
        assert_eq!(options(65_536).longest_prompt(512, 400), 511);
        let (small, step) = (options(1000), round_up(1));
        assert_eq!(small.longest_prompt(4096, 100), round_down(1000) - 100);
        assert_eq!(small.longest_prompt(round_down(1000), 100), round_down(1000) - 1);
        assert_eq!(options(step).longest_prompt(4096, 4096), 0);
    }

    #[test]
    fn a_bad_option_is_named() {
        let options = EngineOptions { max_sequences: 0, ..EngineOptions::default() };
        assert!(options.validate().expect_err("no sequences").to_string().starts_with("max_sequences = 0"));
    }
}
