//! Sampling parameters of a request, checked before use.
//!
//! They must not know the policy: its own `eos_ids` stand with its weights, and `stop_ids` here are the caller's.

use std::collections::HashSet;

use sampling::Distribution;
use serde::{Deserialize, Serialize};

use crate::error::{RolloutError, check};
use crate::thinking_budget::ThinkingBudget;

/// Distribution that tokens are drawn from, conditions that end a completion, and what is told of each token.
///
/// Biases, penalties and bans change the logits, in the order of their fields here, before temperature and filters see
/// them. They are for evaluation and serving: what is sampled under them is not the distribution that is trained.
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
    /// Added to the logits of single tokens (`logit_bias` of OpenAI's API).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logit_bias: Vec<(u32, f64)>,
    /// Divides the positive logits, and multiplies the others, of tokens that stand in the prompt or the completion;
    /// above 0, 1 is off (CTRL, arXiv 1909.05858; of that name in transformers and vLLM).
    pub repetition_penalty: f64,
    /// Subtracted from the logits of tokens that stand in the completion, in `[-2, 2]` (OpenAI's API, vLLM). 0 is off.
    pub presence_penalty: f64,
    /// Subtracted from a token's logit as many times as it stands in the completion, in `[-2, 2]` (OpenAI's API, vLLM).
    /// 0 is off.
    pub frequency_penalty: f64,
    /// Rows of tokens that must not come about: where prompt and completion end in all but the last of one, that is
    /// never drawn (`bad_words_ids` of transformers).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bad_words: Vec<Vec<u32>>,
    /// No end-of-sequence or stop id is drawn before a completion has this many tokens (`min_new_tokens` of
    /// transformers).
    pub min_new_tokens: usize,
    /// Most tokens in a completion; fewer where the model's positions end earlier.
    pub max_new_tokens: usize,
    /// Token ids that end a completion besides the policy's own end-of-sequence ids. The sampled one stays in the
    /// completion's ids.
    pub stop_ids: Vec<u32>,
    /// Texts that end a completion, sought in its text without special tokens; the text is cut before the earliest.
    pub stop_strings: Vec<String>,
    /// Ends a completion that repeats itself; `None` lets it run to its limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_repetition: Option<RepetitionStop>,
    /// Most tokens that a completion may think; `None` lets it think to its limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<ThinkingBudget>,
    /// Texts of which one stands in a turn that is not the last, such as `<tool_call>`: where the turn ends by a stop
    /// id the sequence waits for what follows ([`Engine::take_turns`](crate::Engine::take_turns)).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub turn_marks: Vec<String>,
    /// Seed of the addressed random numbers: the same seed, draw and sample give the same numbers in any batch.
    pub seed: u64,
    /// Continues past the policy's end-of-sequence ids (for timings); `stop_ids` still end a completion.
    pub ignore_eos: bool,
    /// As many of the likeliest tokens are told at each position, with their logprobs at temperature 1.
    pub top_logprobs: usize,
    /// True where each token's entropy is told.
    pub entropies: bool,
    /// True where the ids of all tokens that could be drawn after the filters are told for each position. With `top_k`
    /// they are at most so many: more, of equal ones, is an error.
    pub kept_ids: bool,
}

/// The end of a completion whose last tokens are one pattern, again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepetitionStop {
    /// Most tokens of the pattern.
    pub pattern_tokens: usize,
    /// Times that the pattern stands in a row, at least 2.
    pub count: usize,
}

impl Default for SamplingParams {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0,
            min_p: 0.0,
            logit_bias: Vec::new(),
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            bad_words: Vec::new(),
            min_new_tokens: 0,
            max_new_tokens: 512,
            stop_ids: Vec::new(),
            stop_strings: Vec::new(),
            stop_repetition: None,
            thinking: None,
            turn_marks: Vec::new(),
            seed: 0,
            ignore_eos: false,
            top_logprobs: 0,
            entropies: false,
            kept_ids: false,
        }
    }
}

impl SamplingParams {
    /// What tokens are drawn from.
    pub(crate) fn distribution(&self) -> Distribution {
        let Self { temperature, top_k, top_p, min_p, .. } = *self;
        Distribution { temperature, top_k, top_p, min_p }
    }

    /// True where a completion's own tokens, or the prompt's, change the logits.
    pub(crate) fn has_penalty(&self) -> bool {
        self.repetition_penalty != 1.0 || self.presence_penalty != 0.0 || self.frequency_penalty != 0.0
    }

    /// True where something is told of each token besides its own logprobs.
    pub(crate) fn has_details(&self) -> bool {
        self.top_logprobs > 0 || self.entropies || self.kept_ids
    }

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
        self.validate_adjustments()?;
        check(self.max_new_tokens > 0, "max_new_tokens", self.max_new_tokens, "must be at least 1")?;
        check(
            self.min_new_tokens <= self.max_new_tokens,
            "min_new_tokens",
            self.min_new_tokens,
            "must not be above max_new_tokens",
        )?;
        check(
            self.stop_strings.iter().all(|text| !text.is_empty()),
            "stop_strings",
            format!("{:?}", self.stop_strings),
            "must not hold an empty string, which every completion begins with",
        )?;
        if let Some(RepetitionStop { pattern_tokens, count }) = self.stop_repetition {
            check(pattern_tokens > 0, "stop_repetition.pattern_tokens", pattern_tokens, "must be at least 1")?;
            check(count > 1, "stop_repetition.count", count, "must be at least 2: what stands once repeats nothing")?;
        }
        check(
            self.turn_marks.iter().all(|mark| !mark.is_empty()),
            "turn_marks",
            format!("{:?}", self.turn_marks),
            "must not hold an empty text, which every turn has",
        )?;
        self.thinking.as_ref().map_or(Ok(()), ThinkingBudget::validate)?;
        check(
            !self.kept_ids || self.temperature == 0.0 || self.distribution().has_filter(),
            "kept_ids",
            self.kept_ids,
            "needs a filter (top_k, top_p or min_p): without one every token is kept",
        )
    }

    fn validate_adjustments(&self) -> Result<(), RolloutError> {
        check(
            self.logit_bias.iter().all(|(_, bias)| bias.is_finite()),
            "logit_bias",
            format!("{:?}", self.logit_bias),
            "must be finite; a token that must not be drawn goes into bad_words",
        )?;
        let mut biased = HashSet::new();
        check(
            self.logit_bias.iter().all(|(id, _)| biased.insert(id)),
            "logit_bias",
            format!("{:?}", self.logit_bias),
            "must name a token once",
        )?;
        check(
            self.repetition_penalty.is_finite() && self.repetition_penalty > 0.0,
            "repetition_penalty",
            self.repetition_penalty,
            "must be a number above 0; 1 turns it off",
        )?;
        for (field, penalty) in
            [("presence_penalty", self.presence_penalty), ("frequency_penalty", self.frequency_penalty)]
        {
            check((-2.0..=2.0).contains(&penalty), field, penalty, "must lie in [-2, 2]; 0 turns it off")?;
        }
        check(
            self.bad_words.iter().all(|word| !word.is_empty()),
            "bad_words",
            format!("{:?}", self.bad_words),
            "must not hold an empty word, which stands everywhere",
        )
    }

    /// Checks what depends on the policy: its end-of-sequence ids and the entries of its vocabulary.
    ///
    /// # Errors
    /// [`RolloutError::IdOutOfRange`] or [`RolloutError::InvalidField`] names the field.
    pub(crate) fn validate_for(&self, eos_ids: &[u32], vocab_size: usize) -> Result<(), RolloutError> {
        let biased = self.logit_bias.iter().map(|&(id, _)| ("logit_bias", id));
        let banned = self.bad_words.iter().flatten().map(|&id| ("bad_words", id));
        let stopping = self.stop_ids.iter().map(|&id| ("stop_ids", id));
        if let Some((field, id)) = biased.chain(banned).chain(stopping).find(|&(_, id)| id as usize >= vocab_size) {
            return Err(RolloutError::IdOutOfRange { field, id, vocab_size });
        }
        check(
            self.top_logprobs <= vocab_size,
            "top_logprobs",
            self.top_logprobs,
            "must not be above the entries of the model's vocabulary",
        )?;
        check(
            !self.bad_words.iter().any(|word| word.len() == 1 && eos_ids.contains(&word[0])),
            "bad_words",
            format!("{:?}", self.bad_words),
            "must not hold an end-of-sequence id alone; ignore_eos and min_new_tokens are for that",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bad_field_is_named() {
        let good = SamplingParams::default();
        assert!(good.validate().is_ok());
        let repeats = |pattern_tokens, count| Some(RepetitionStop { pattern_tokens, count });
        let idle = ThinkingBudget { max_tokens: 0, forced_text: String::new() };
        let cases = [
            ("temperature", SamplingParams { temperature: -0.1, ..good.clone() }),
            ("temperature", SamplingParams { temperature: f64::NAN, ..good.clone() }),
            ("top_p", SamplingParams { top_p: 0.0, ..good.clone() }),
            ("top_p", SamplingParams { top_p: 1.01, ..good.clone() }),
            ("min_p", SamplingParams { min_p: f64::NAN, ..good.clone() }),
            ("logit_bias", SamplingParams { logit_bias: vec![(3, f64::NEG_INFINITY)], ..good.clone() }),
            ("logit_bias", SamplingParams { logit_bias: vec![(3, 1.0), (3, 2.0)], ..good.clone() }),
            ("repetition_penalty", SamplingParams { repetition_penalty: 0.0, ..good.clone() }),
            ("repetition_penalty", SamplingParams { repetition_penalty: f64::INFINITY, ..good.clone() }),
            ("presence_penalty", SamplingParams { presence_penalty: 2.1, ..good.clone() }),
            ("frequency_penalty", SamplingParams { frequency_penalty: f64::NAN, ..good.clone() }),
            ("bad_words", SamplingParams { bad_words: vec![vec![1], vec![]], ..good.clone() }),
            ("max_new_tokens", SamplingParams { max_new_tokens: 0, ..good.clone() }),
            ("min_new_tokens", SamplingParams { min_new_tokens: 9, max_new_tokens: 8, ..good.clone() }),
            ("stop_strings", SamplingParams { stop_strings: vec![String::new()], ..good.clone() }),
            ("stop_repetition.pattern_tokens", SamplingParams { stop_repetition: repeats(0, 3), ..good.clone() }),
            ("stop_repetition.count", SamplingParams { stop_repetition: repeats(4, 1), ..good.clone() }),
            ("turn_marks", SamplingParams { turn_marks: vec![String::new()], ..good.clone() }),
            ("thinking.max_tokens", SamplingParams { thinking: Some(idle), ..good.clone() }),
            ("kept_ids", SamplingParams { kept_ids: true, ..good }),
        ];
        for (field, params) in cases {
            let message = params.validate().expect_err(field).to_string();
            assert!(message.starts_with(field), "{message}");
        }
    }

    #[test]
    fn ids_are_held_to_the_policy() {
        let good = SamplingParams { bad_words: vec![vec![2, 5], vec![9]], ..SamplingParams::default() };
        assert!(good.validate_for(&[2], 10).is_ok());
        let cases = [
            ("logit_bias names token 10", SamplingParams { logit_bias: vec![(9, 1.0), (10, 1.0)], ..good.clone() }),
            ("bad_words names token 11", SamplingParams { bad_words: vec![vec![1, 11]], ..good.clone() }),
            ("stop_ids names token 12", SamplingParams { stop_ids: vec![12], ..good.clone() }),
            ("top_logprobs = 11", SamplingParams { top_logprobs: 11, ..good.clone() }),
            ("bad_words = [[2]]", SamplingParams { bad_words: vec![vec![2]], ..good }),
        ];
        for (begin, params) in cases {
            assert!(params.validate().is_ok());
            let message = params.validate_for(&[2], 10).expect_err(begin).to_string();
            assert!(message.starts_with(begin), "{message}");
        }
    }
}
