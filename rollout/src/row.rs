//! One completion in flight.
//!
//! A row knows its request, what was sampled and how far it may go; it must not know its slot or the other rows.

use policy::Tokenizer;
use random::{SampleAddress, SampleNumbers};

use crate::sampler::SampledToken;
use crate::stop::{StopRules, TextTail, final_text};
use crate::{Completion, FinishReason, RolloutError, RolloutRequest};

/// A request and the completion as it grows.
#[derive(Debug)]
pub(crate) struct Row {
    pub request: RolloutRequest,
    random: SampleNumbers,
    /// Most tokens of this completion.
    limit: usize,
    ids: Vec<u32>,
    rollout_logprobs: Vec<f32>,
    raw_logprobs: Vec<f32>,
    entropy_sum: f64,
    text: TextTail,
}

impl Row {
    /// A row that has sampled nothing. `limit` is the most tokens it may sample.
    pub fn new(request: RolloutRequest, limit: usize, seed: u64) -> Self {
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
    pub fn num_cached(&self) -> usize {
        self.request.prompt_ids.len() + self.ids.len() - 1
    }

    /// Tokens that prompt and completion may come to.
    pub fn most_tokens(&self) -> usize {
        self.request.prompt_ids.len() + self.limit
    }

    /// The token that goes through the decoder next.
    pub fn next_input(&self) -> u32 {
        let last = self.ids.last().or(self.request.prompt_ids.last());
        *last.expect("prompts are checked not to be empty")
    }

    /// The random number that decides the next token.
    pub fn uniform(&self) -> f64 {
        self.random.at(self.ids.len() as u64)
    }

    /// Takes a sampled token; the reason when it was the last.
    ///
    /// # Errors
    /// The logits were not numbers, or the tokenizer refuses the ids.
    pub fn push(
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

    /// The finished completion.
    ///
    /// # Errors
    /// The tokenizer refuses the ids.
    pub fn finish(
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
