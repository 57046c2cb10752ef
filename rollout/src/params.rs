//! Sampling parameters and engine options: the two config sections of this crate, checked before use.
//!
//! They must not know the policy: its own `eos_ids` stand with its weights, and `stop_ids` here are the caller's.

use kernels::BLOCK_TOKENS;
use serde::{Deserialize, Serialize};

use crate::cache::{CacheTokens, blocks_of};
use crate::error::RolloutError;

/// Distribution that tokens are drawn from, and conditions that end a completion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplingParams {
    /// Divides the logits before sampling. 0 takes the likeliest token (greedy); 1 samples from the model's own
    /// distribution.
    pub temperature: f64,
    /// Keeps the smallest set of tokens whose probability reaches this mass, in `(0, 1]`. 1 is off.
    pub top_p: f64,
    /// Keeps this many likeliest tokens (and any equal to the last). 0 is off.
    pub top_k: usize,
    /// Drops tokens less likely than this share of the likeliest one, in `[0, 1]`. 0 is off.
    pub min_p: f64,
    /// Most tokens in a completion; fewer where the model's positions end earlier.
    pub max_new_tokens: usize,
    /// Token ids that end a completion besides the policy's own end-of-sequence ids. The sampled one stays in the
    /// completion's ids.
    pub stop_ids: Vec<u32>,
    /// Texts that end a completion, sought in its text without special tokens; the text is cut before the earliest.
    pub stop_strings: Vec<String>,
    /// Seed of the addressed random numbers: the same seed, draw and sample give the same numbers in any batch.
    pub seed: u64,
    /// Continues past the policy's end-of-sequence ids (for timings); `stop_ids` still end a completion.
    pub ignore_eos: bool,
}

impl Default for SamplingParams {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0,
            min_p: 0.0,
            max_new_tokens: 512,
            stop_ids: Vec::new(),
            stop_strings: Vec::new(),
            seed: 0,
            ignore_eos: false,
        }
    }
}

impl SamplingParams {
    /// Checks every field.
    ///
    /// # Errors
    /// [`RolloutError::InvalidField`] names the first field that cannot be used and what it may be.
    pub fn validate(&self) -> Result<(), RolloutError> {
        check(
            self.temperature.is_finite() && self.temperature >= 0.0,
            "temperature",
            self.temperature,
            "must be 0 (greedy) or a positive number",
        )?;
        check(self.top_p > 0.0 && self.top_p <= 1.0, "top_p", self.top_p, "must lie in (0, 1]; 1 turns it off")?;
        check((0.0..=1.0).contains(&self.min_p), "min_p", self.min_p, "must lie in [0, 1]; 0 turns it off")?;
        check(self.max_new_tokens > 0, "max_new_tokens", self.max_new_tokens, "must be at least 1")?;
        check(
            self.stop_strings.iter().all(|text| !text.is_empty()),
            "stop_strings",
            format!("{:?}", self.stop_strings),
            "must not hold an empty string, which every completion begins with",
        )
    }
}

/// Most completions that run at once, and memory that their keys and values may take.
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
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { max_sequences: 32, cache_tokens: CacheTokens::Tokens(65_536), prefill_tokens: 4096 }
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

fn check(holds: bool, field: &'static str, value: impl ToString, expected: &'static str) -> Result<(), RolloutError> {
    if holds {
        return Ok(());
    }
    Err(RolloutError::InvalidField { field, value: value.to_string(), expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid() {
        assert!(SamplingParams::default().validate().is_ok());
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
    fn each_bad_field_is_named() {
        let good = SamplingParams::default();
        let cases = [
            ("temperature", SamplingParams { temperature: -0.1, ..good.clone() }),
            ("temperature", SamplingParams { temperature: f64::NAN, ..good.clone() }),
            ("top_p", SamplingParams { top_p: 0.0, ..good.clone() }),
            ("top_p", SamplingParams { top_p: 1.01, ..good.clone() }),
            ("min_p", SamplingParams { min_p: f64::NAN, ..good.clone() }),
            ("max_new_tokens", SamplingParams { max_new_tokens: 0, ..good.clone() }),
            ("stop_strings", SamplingParams { stop_strings: vec![String::new()], ..good }),
        ];
        for (field, params) in cases {
            let message = params.validate().expect_err(field).to_string();
            assert!(message.starts_with(field), "{message}");
        }
        let options = EngineOptions { max_sequences: 0, ..EngineOptions::default() };
        assert!(options.validate().expect_err("no sequences").to_string().starts_with("max_sequences = 0"));
        let options = EngineOptions { cache_tokens: CacheTokens::Tokens(15), ..EngineOptions::default() };
        assert!(options.validate().expect_err("no block").to_string().starts_with("cache_tokens = 15"));
    }
}
