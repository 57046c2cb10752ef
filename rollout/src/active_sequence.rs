//! One completion under way.
//!
//! An active sequence knows its request, its sampled tokens and its limit; it must not know what is cached of it, or
//! the other sequences.

use std::sync::Arc;

use policy::Tokenizer;
use random::{SampleAddress, SampleNumbers};
use sampling::SampledToken;

use crate::adjuster::Adjuster;
use crate::completion::{Completion, FinishReason, RequestId, RolloutRequest};
use crate::error::RolloutError;
use crate::repetition::RepetitionTail;
use crate::sampling_plan::SamplingPlan;
use crate::segment::{Segment, Sequence, TokenDetails, TokenSource, VersionSpan};
use crate::stop::{TextTail, final_text};
use crate::token_draw::TokenDraw;
use crate::unfinished::Unfinished;

/// A request and its growing completion.
#[derive(Debug)]
pub(crate) struct ActiveSequence {
    pub(crate) id: RequestId,
    pub(crate) request: RolloutRequest,
    /// How to sample, and when to stop.
    pub(crate) plan: Arc<SamplingPlan>,
    random: SampleNumbers,
    /// Most tokens that the completion may have.
    limit: usize,
    ids: Vec<u32>,
    rollout_logprobs: Vec<f32>,
    raw_logprobs: Vec<f32>,
    versions: Vec<VersionSpan>,
    details: Vec<TokenDetails>,
    entropy_sum: f64,
    adjuster: Adjuster,
    text: TextTail,
    repetition: RepetitionTail,
}

impl ActiveSequence {
    /// A sequence without sampled tokens, which may sample `limit` of them.
    pub(crate) fn new(id: RequestId, request: RolloutRequest, plan: Arc<SamplingPlan>, limit: usize) -> Self {
        let address = SampleAddress { seed: request.params.seed, draw: request.draw, sample: request.sample };
        Self {
            id,
            random: address.numbers(),
            adjuster: Adjuster::new(&plan.params, &request.prompt_ids),
            request,
            plan,
            limit,
            ids: Vec::new(),
            rollout_logprobs: Vec::new(),
            raw_logprobs: Vec::new(),
            versions: Vec::new(),
            details: Vec::new(),
            entropy_sum: 0.0,
            text: TextTail::default(),
            repetition: RepetitionTail::default(),
        }
    }

    /// Goes on behind tokens that were sampled before, which left it where it is.
    ///
    /// # Errors
    /// The tokenizer refuses the ids.
    pub(crate) fn go_on(
        &mut self,
        sampled: Segment,
        entropy_sum: f64,
        tokenizer: &Tokenizer,
    ) -> Result<(), RolloutError> {
        let (params, rules) = (&self.plan.params, &self.plan.rules);
        for end in 1..=sampled.ids.len() {
            let ids = &sampled.ids[..end];
            self.adjuster.push(ids[end - 1], params);
            if rules.has_strings() {
                let ends = self.text.ends(ids, rules, tokenizer);
                ends.map_err(|source| RolloutError::Decode { request: self.request.name(), source })?;
            }
            if let Some(stop) = params.stop_repetition {
                self.repetition.ends(ids, stop);
            }
        }
        let Segment { ids, rollout_logprobs, raw_logprobs, versions, details, .. } = sampled;
        (self.ids, self.rollout_logprobs, self.raw_logprobs) = (ids, rollout_logprobs, raw_logprobs);
        (self.versions, self.details, self.entropy_sum) = (versions, details, entropy_sum);
        Ok(())
    }

    /// The request with its tokens so far.
    pub(crate) fn into_unfinished(mut self) -> Unfinished {
        let entropy_sum = self.entropy_sum;
        let segments = self.take_sampled().into_iter().collect();
        Unfinished { request: self.request, segments, entropy_sum }
    }

    /// Takes out what was sampled so far; `None` where that is nothing.
    fn take_sampled(&mut self) -> Option<Segment> {
        if self.ids.is_empty() {
            return None;
        }
        Some(Segment {
            ids: std::mem::take(&mut self.ids),
            source: TokenSource::Sampled,
            rollout_logprobs: std::mem::take(&mut self.rollout_logprobs),
            raw_logprobs: std::mem::take(&mut self.raw_logprobs),
            versions: std::mem::take(&mut self.versions),
            details: std::mem::take(&mut self.details),
        })
    }

    /// Tokens of the prompt and of the longest completion.
    pub(crate) fn most_tokens(&self) -> usize {
        self.request.prompt_ids.len() + self.limit
    }

    /// What decides the next token, but for its logits.
    pub(crate) fn next_draw(&self) -> TokenDraw<'_> {
        let num_tokens = self.ids.len();
        TokenDraw {
            plan: &self.plan,
            adjustments: self.adjuster.next(&self.plan.params, &self.plan.rules, num_tokens),
            uniform: self.random.at(num_tokens as u64),
        }
    }

    /// Appends a token that these weights gave. Returns the reason to finish where it was the last.
    ///
    /// # Errors
    /// The logits were not numbers, no token or too many were left, or the tokenizer refuses the ids.
    pub(crate) fn push(
        &mut self,
        token: SampledToken,
        policy_version: u64,
        tokenizer: &Tokenizer,
    ) -> Result<Option<FinishReason>, RolloutError> {
        let params = &self.plan.params;
        let (request, position) = (|| self.request.name(), self.ids.len());
        if !token.raw_logprob.is_finite() {
            return Err(RolloutError::NotFinite { request: request(), position });
        }
        if !token.rollout_logprob.is_finite() {
            return Err(RolloutError::NothingToSample { request: request(), position });
        }
        let (num_kept, top_k) = (token.kept_ids.len(), params.top_k);
        if top_k > 0 && num_kept > top_k {
            return Err(RolloutError::KeptSetTooLarge { request: request(), position, num_kept, top_k });
        }
        if params.has_details() {
            let SampledToken { top_logprobs, kept_ids, .. } = token;
            self.details.push(TokenDetails {
                entropy: params.entropies.then_some(token.entropy),
                top_logprobs,
                kept_ids,
            });
        }
        self.adjuster.push(token.id, params);
        self.ids.push(token.id);
        self.rollout_logprobs.push(token.rollout_logprob);
        self.raw_logprobs.push(token.raw_logprob);
        match self.versions.last_mut() {
            Some(span) if span.policy_version == policy_version => span.num_tokens += 1,
            _ => self.versions.push(VersionSpan { policy_version, num_tokens: 1 }),
        }
        self.entropy_sum += f64::from(token.entropy);
        let rules = &self.plan.rules;
        if rules.is_stop_id(token.id) {
            return Ok(Some(FinishReason::Stop));
        }
        if rules.has_strings() {
            let ends = self.text.ends(&self.ids, rules, tokenizer);
            if ends.map_err(|source| RolloutError::Decode { request: self.request.name(), source })? {
                return Ok(Some(FinishReason::StopString));
            }
        }
        if params.stop_repetition.is_some_and(|stop| self.repetition.ends(&self.ids, stop)) {
            return Ok(Some(FinishReason::Repetition));
        }
        Ok((self.ids.len() >= self.limit).then_some(FinishReason::Length))
    }

    /// The finished completion. Its reason is [`FinishReason::StopString`] where the whole text of one that was not
    /// aborted holds a stop string.
    ///
    /// # Errors
    /// The tokenizer refuses the ids.
    pub(crate) fn finish(mut self, reason: FinishReason, tokenizer: &Tokenizer) -> Result<Completion, RolloutError> {
        let num_text = self.ids.len() - usize::from(reason == FinishReason::Stop);
        let decoded = final_text(&self.ids[..num_text], &self.plan.rules, tokenizer);
        let (text, is_cut) = decoded.map_err(|source| RolloutError::Decode { request: self.request.name(), source })?;
        let entropy = (self.entropy_sum / self.ids.len().max(1) as f64) as f32;
        let sampled = self.take_sampled();
        let mut segments = vec![Segment::given(TokenSource::Prompt, self.request.prompt_ids)];
        segments.extend(sampled);
        Ok(Completion {
            draw: self.request.draw,
            sample: self.request.sample,
            sequence: Sequence::new(segments).expect("prompts are not empty, and each token was pushed whole"),
            text,
            entropy,
            finish_reason: if is_cut && reason != FinishReason::Aborted { FinishReason::StopString } else { reason },
        })
    }
}
