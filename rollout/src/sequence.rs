//! One completion in flight.
//!
//! A sequence knows its request, its sampled tokens and its limit; it must not know its slot or the other sequences.

use policy::Tokenizer;
use random::{SampleAddress, SampleNumbers};

use crate::completion::{Completion, FinishReason, RolloutRequest};
use crate::error::RolloutError;
use crate::sampler::SampledToken;
use crate::stop::{StopRules, TextTail, final_text};

/// A request and its growing completion.
#[derive(Debug)]
pub(crate) struct Sequence {
    pub(crate) request: RolloutRequest,
    random: SampleNumbers,
    /// Most tokens that the completion may have.
    limit: usize,
    ids: Vec<u32>,
    rollout_logprobs: Vec<f32>,
    raw_logprobs: Vec<f32>,
    entropy_sum: f64,
    text: TextTail,
}

impl Sequence {
    /// A sequence without sampled tokens, which may sample `limit` of them.
    pub(crate) fn new(request: RolloutRequest, limit: usize, seed: u64) -> Self {
        let address = SampleAddress { seed, task_id: &request.task_id, sample_index: request.sample_index };
        Self {
            random: address.numbers(),
            request,
            limit,
            ids: Vec::new(),
            rollout_logprobs: Vec::new(),
            raw_logprobs: Vec::new(),
            entropy_sum: 0.0,
            text: TextTail::default(),
        }
    }

    /// Tokens in the cache: all but the last, which the next step puts there.
    pub(crate) fn num_cached(&self) -> usize {
        self.request.prompt_ids.len() + self.ids.len() - 1
    }

    /// Tokens of the prompt and of the longest completion.
    pub(crate) fn most_tokens(&self) -> usize {
        self.request.prompt_ids.len() + self.limit
    }

    /// The token that goes through the decoder next: the last one.
    pub(crate) fn next_input(&self) -> u32 {
        let last = self.ids.last().or(self.request.prompt_ids.last());
        *last.expect("prompts are checked not to be empty")
    }

    /// The random number in `[0, 1)` that decides the next token.
    pub(crate) fn uniform(&self) -> f64 {
        self.random.at(self.ids.len() as u64)
    }

    /// Appends a sampled token. Returns the reason to finish where it was the last.
    ///
    /// # Errors
    /// The logits were not numbers, or the tokenizer refuses the ids.
    pub(crate) fn push(
        &mut self,
        token: SampledToken,
        rules: &StopRules,
        tokenizer: &Tokenizer,
    ) -> Result<Option<FinishReason>, RolloutError> {
        if !token.raw_logprob.is_finite() {
            return Err(RolloutError::NotFinite {
                task_id: self.request.task_id.clone(),
                sample_index: self.request.sample_index,
                position: self.ids.len(),
            });
        }
        self.ids.push(token.id);
        self.rollout_logprobs.push(token.rollout_logprob);
        self.raw_logprobs.push(token.raw_logprob);
        self.entropy_sum += f64::from(token.entropy);
        if rules.is_stop_id(token.id) {
            return Ok(Some(FinishReason::Stop));
        }
        if rules.has_strings() {
            let ends = self.text.ends(&self.ids, rules, tokenizer);
            let task_id = &self.request.task_id;
            if ends.map_err(|source| RolloutError::Decode { task_id: task_id.clone(), source })? {
                return Ok(Some(FinishReason::StopString));
            }
        }
        Ok((self.ids.len() >= self.limit).then_some(FinishReason::Length))
    }

    /// The finished completion. Its reason is [`FinishReason::StopString`] where the whole text holds a stop string.
    ///
    /// # Errors
    /// The tokenizer refuses the ids.
    pub(crate) fn finish(
        self,
        reason: FinishReason,
        rules: &StopRules,
        tokenizer: &Tokenizer,
        policy_version: u64,
    ) -> Result<Completion, RolloutError> {
        let num_text = self.ids.len() - usize::from(reason == FinishReason::Stop);
        let (text, is_cut) = final_text(&self.ids[..num_text], rules, tokenizer, &self.request.task_id)?;
        Ok(Completion {
            entropy: (self.entropy_sum / self.ids.len() as f64) as f32,
            task_id: self.request.task_id,
            sample_index: self.request.sample_index,
            prompt_ids: self.request.prompt_ids,
            ids: self.ids,
            text,
            rollout_logprobs: self.rollout_logprobs,
            raw_logprobs: self.raw_logprobs,
            finish_reason: if is_cut { FinishReason::StopString } else { reason },
            policy_version,
        })
    }
}
