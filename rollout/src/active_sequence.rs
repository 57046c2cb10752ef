//! One completion under way.
//!
//! An active sequence knows its request, its tokens and its limits; it must not know what is cached of it, or the other
//! sequences.

use std::mem::take;
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
use crate::thinking::ThinkingCount;
use crate::token_draw::TokenDraw;
use crate::turn::EndedTurn;
use crate::unfinished::{BeforeTurn, Unfinished};

/// Most tokens of a sequence.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// Most that may be sampled.
    pub(crate) num_sampled: usize,
    /// Most that there may be, the prompt's among them.
    pub(crate) num_tokens: usize,
}

impl Room {
    /// The room of a turn behind what stands before it, in a sequence that has at most `longest` tokens.
    pub(crate) fn of_turn(plan: &SamplingPlan, before: BeforeTurn, longest: usize) -> Self {
        let num_sampled = plan.params.max_new_tokens;
        let num_left = num_sampled.saturating_sub(before.num_sampled).saturating_add(plan.forced_ids.len());
        Self { num_sampled, num_tokens: before.num_tokens.saturating_add(num_left).min(longest) }
    }
}

/// What follows from a sampled token.
#[derive(Debug)]
pub(crate) enum Pushed {
    /// The sequence ends with it.
    Ends(FinishReason),
    /// A turn ends with it, and something may follow.
    EndsTurn(EndedTurn),
    /// The sequence goes on behind it and these ids, which are forced.
    GoesOn(Vec<u32>),
}

/// The rule that a sampled token meets; the first of several.
#[derive(Debug, Clone, Copy)]
enum Met {
    StopId,
    StopString,
    Repetition,
    /// The budget of a thinking is spent.
    SpentThinking,
    Nothing,
}

/// A request and its growing completion.
#[derive(Debug)]
pub(crate) struct ActiveSequence {
    pub(crate) id: RequestId,
    pub(crate) request: RolloutRequest,
    /// How to sample, and when to stop.
    pub(crate) plan: Arc<SamplingPlan>,
    random: SampleNumbers,
    room: Room,
    /// All ids behind the prompt.
    ids: Vec<u32>,
    /// Segments behind the prompt that nothing joins any more.
    segments: Vec<Segment>,
    /// Tokens that were sampled, in the earlier sequences too.
    num_sampled: usize,
    /// Sequences of the rollout that went before.
    earlier: Vec<Sequence>,
    /// Place in `ids` at which the turn begins.
    turn_start: usize,
    // What is known of the sampled tokens behind these segments.
    rollout_logprobs: Vec<f32>,
    raw_logprobs: Vec<f32>,
    versions: Vec<VersionSpan>,
    details: Vec<TokenDetails>,
    entropy_sum: f64,
    adjuster: Adjuster,
    text: TextTail,
    repetition: RepetitionTail,
    thinking: Option<ThinkingCount>,
}

impl ActiveSequence {
    /// A sequence without sampled tokens.
    pub(crate) fn new(id: RequestId, request: RolloutRequest, plan: Arc<SamplingPlan>, room: Room) -> Self {
        let thinking = ThinkingCount::of_turn(plan.params.thinking.as_ref(), request.thinking_open);
        let address = SampleAddress { seed: request.params.seed, draw: request.draw, sample: request.sample };
        Self {
            id,
            random: address.numbers(),
            adjuster: Adjuster::new(&plan.params, &request.prompt_ids),
            request,
            plan,
            room,
            ids: Vec::new(),
            segments: Vec::new(),
            num_sampled: 0,
            earlier: Vec::new(),
            turn_start: 0,
            rollout_logprobs: Vec::new(),
            raw_logprobs: Vec::new(),
            versions: Vec::new(),
            details: Vec::new(),
            entropy_sum: 0.0,
            text: TextTail::default(),
            repetition: RepetitionTail::default(),
            thinking,
        }
    }

    /// Goes on behind what was sampled and given before, which left it where it is.
    ///
    /// # Errors
    /// The tokenizer refuses the ids.
    pub(crate) fn go_on(&mut self, before: Unfinished, tokenizer: &Tokenizer) -> Result<(), RolloutError> {
        let Unfinished { request: _, earlier_sequences, segments, entropy_sum } = before;
        self.num_sampled = earlier_sequences.iter().map(Sequence::num_sampled).sum();
        (self.earlier, self.entropy_sum) = (earlier_sequences, entropy_sum);
        for segment in segments {
            match segment.source {
                TokenSource::Sampled => self.sample_again(segment, tokenizer)?,
                TokenSource::Forced => {
                    self.thinking.as_mut().map(ThinkingCount::end);
                    self.give(TokenSource::Forced, &segment.ids);
                }
                TokenSource::Tool | TokenSource::Prompt => {
                    self.begin_turn(self.room, self.request.thinking_open);
                    self.take_result(&segment.ids);
                }
            }
        }
        Ok(())
    }

    /// Appends tokens that were sampled before. What they brought about stands behind them.
    fn sample_again(&mut self, sampled: Segment, tokenizer: &Tokenizer) -> Result<(), RolloutError> {
        for id in sampled.ids {
            self.append(id, tokenizer)?;
        }
        (self.rollout_logprobs, self.raw_logprobs) = (sampled.rollout_logprobs, sampled.raw_logprobs);
        (self.versions, self.details) = (sampled.versions, sampled.details);
        Ok(())
    }

    /// The request with its tokens so far.
    pub(crate) fn into_unfinished(mut self) -> Unfinished {
        self.close_segment();
        Unfinished {
            request: self.request,
            earlier_sequences: self.earlier,
            segments: self.segments,
            entropy_sum: self.entropy_sum,
        }
    }

    /// Tokens of the prompt and of the longest completion.
    pub(crate) fn most_tokens(&self) -> usize {
        self.room.num_tokens
    }

    /// Has the sequence be no longer than `longest`, where it would have been let in so: a first turn without its
    /// forced tokens, a later one with what stands there. Returns the most tokens that it has then.
    pub(crate) fn bound(&mut self, longest: usize) -> usize {
        let is_first = self.turn_start == 0 && self.earlier.is_empty();
        let num_forced = self.plan.forced_ids.len();
        let is_let_in = !is_first || self.room.num_tokens <= longest + num_forced;
        if is_let_in && self.num_tokens() < longest {
            self.room.num_tokens = self.room.num_tokens.min(longest);
        }
        self.room.num_tokens
    }

    /// Tokens of the sequence so far.
    pub(crate) fn num_tokens(&self) -> usize {
        self.request.prompt_ids.len() + self.ids.len()
    }

    /// Tokens that the policy sampled so far, in all sequences of the rollout.
    pub(crate) fn num_sampled(&self) -> usize {
        self.num_sampled
    }

    /// What decides the next token, but for its logits. Its random number is that of its place among the sampled ones.
    pub(crate) fn next_draw(&self) -> TokenDraw<'_> {
        let num_sampled = self.num_sampled;
        TokenDraw {
            plan: &self.plan,
            adjustments: self.adjuster.next(&self.plan.params, &self.plan.rules, num_sampled),
            uniform: self.random.at(num_sampled as u64),
        }
    }

    /// Appends a token that these weights gave, and what is forced behind it.
    ///
    /// # Errors
    /// The logits were not numbers, no token or too many were left, or the tokenizer refuses the ids.
    pub(crate) fn push(
        &mut self,
        token: SampledToken,
        policy_version: u64,
        tokenizer: &Tokenizer,
    ) -> Result<Pushed, RolloutError> {
        let params = &self.plan.params;
        let (request, position) = (|| self.request.name(), self.num_sampled);
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
        self.rollout_logprobs.push(token.rollout_logprob);
        self.raw_logprobs.push(token.raw_logprob);
        match self.versions.last_mut() {
            Some(span) if span.policy_version == policy_version => span.num_tokens += 1,
            _ => self.versions.push(VersionSpan { policy_version, num_tokens: 1 }),
        }
        self.entropy_sum += f64::from(token.entropy);
        Ok(match self.append(token.id, tokenizer)? {
            Met::StopId => {
                let turn = self.ended_turn(token.id, tokenizer)?;
                turn.map_or(Pushed::Ends(FinishReason::Stop), Pushed::EndsTurn)
            }
            Met::StopString => Pushed::Ends(FinishReason::StopString),
            Met::Repetition => Pushed::Ends(FinishReason::Repetition),
            Met::SpentThinking => self.force(),
            Met::Nothing => self.goes_on(Vec::new()),
        })
    }

    /// Appends a sampled token to all that follows the tokens, and says what it meets.
    fn append(&mut self, id: u32, tokenizer: &Tokenizer) -> Result<Met, RolloutError> {
        let undecoded = |source| RolloutError::Decode { request: self.request.name(), source };
        let (params, rules) = (&self.plan.params, &self.plan.rules);
        self.adjuster.push(id, params);
        self.ids.push(id);
        self.num_sampled += 1;
        if rules.is_stop_id(id) {
            return Ok(Met::StopId);
        }
        let turn = &self.ids[self.turn_start..];
        if rules.has_strings() && self.text.ends(turn, rules, tokenizer).map_err(undecoded)? {
            return Ok(Met::StopString);
        }
        if params.stop_repetition.is_some_and(|stop| self.repetition.ends(&self.ids, stop)) {
            return Ok(Met::Repetition);
        }
        let is_spent = self.thinking.as_mut().map(|thinking| thinking.is_spent(turn, tokenizer)).transpose();
        Ok(if is_spent.map_err(undecoded)? == Some(true) { Met::SpentThinking } else { Met::Nothing })
    }

    /// The turn that ends with this stop token, where its text has a mark of one that is not the last.
    fn ended_turn(&self, stop_id: u32, tokenizer: &Tokenizer) -> Result<Option<EndedTurn>, RolloutError> {
        let marks = &self.plan.params.turn_marks;
        if marks.is_empty() {
            return Ok(None);
        }
        let text = tokenizer.decode(&self.ids[self.turn_start..self.ids.len() - 1], true);
        let text = text.map_err(|source| RolloutError::Decode { request: self.request.name(), source })?;
        let RolloutRequest { draw, sample, .. } = self.request;
        let is_marked = marks.iter().any(|mark| text.contains(mark.as_str()));
        Ok(is_marked.then_some(EndedTurn { request: self.id, draw, sample, text, stop_id }))
    }

    /// Begins a turn in which there is this room.
    pub(crate) fn begin_turn(&mut self, room: Room, thinking_open: bool) {
        self.room = room;
        self.text = TextTail::default();
        self.request.thinking_open = thinking_open;
        self.thinking = ThinkingCount::of_turn(self.plan.params.thinking.as_ref(), thinking_open);
    }

    /// Goes on behind the result of a tool.
    pub(crate) fn take_result(&mut self, ids: &[u32]) {
        self.give(TokenSource::Tool, ids);
        self.turn_start = self.ids.len();
    }

    /// Goes on as another sequence of the same rollout, behind this prompt.
    pub(crate) fn begin_anew(&mut self, prompt_ids: Vec<u32>) {
        let earlier = self.take_sequence();
        self.earlier.push(earlier);
        self.adjuster = Adjuster::new(&self.plan.params, &prompt_ids);
        self.request.prompt_ids = prompt_ids;
        self.repetition = RepetitionTail::default();
        self.ids.clear();
        self.turn_start = 0;
    }

    /// Puts the forced ids behind a thinking whose budget is spent, where there is room for them and another token.
    fn force(&mut self) -> Pushed {
        self.thinking.as_mut().map(ThinkingCount::end);
        let forced_ids = self.plan.forced_ids.clone();
        let has_room = self.num_tokens() + forced_ids.len() < self.room.num_tokens;
        if forced_ids.is_empty() || !has_room {
            return Pushed::Ends(FinishReason::Length);
        }
        match self.goes_on(forced_ids) {
            Pushed::GoesOn(forced_ids) => {
                self.give(TokenSource::Forced, &forced_ids);
                Pushed::GoesOn(forced_ids)
            }
            ends => ends,
        }
    }

    /// Goes on behind these ids, unless as many tokens were sampled as may be.
    fn goes_on(&self, forced_ids: Vec<u32>) -> Pushed {
        let is_full = self.num_sampled >= self.room.num_sampled || self.num_tokens() >= self.room.num_tokens;
        if is_full { Pushed::Ends(FinishReason::Length) } else { Pushed::GoesOn(forced_ids) }
    }

    /// Appends tokens that were not sampled.
    fn give(&mut self, source: TokenSource, ids: &[u32]) {
        self.close_segment();
        self.ids.extend_from_slice(ids);
        self.segments.push(Segment::given(source, ids.to_vec()));
        self.repetition = RepetitionTail::default();
        ids.iter().for_each(|&id| self.adjuster.push(id, &self.plan.params));
    }

    /// Makes a segment of the tokens that were sampled last.
    fn close_segment(&mut self) {
        let num_tokens = self.rollout_logprobs.len();
        if num_tokens > 0 {
            self.segments.push(Segment {
                ids: self.ids[self.ids.len() - num_tokens..].to_vec(),
                source: TokenSource::Sampled,
                rollout_logprobs: take(&mut self.rollout_logprobs),
                raw_logprobs: take(&mut self.raw_logprobs),
                versions: take(&mut self.versions),
                details: take(&mut self.details),
            });
        }
    }

    /// Takes all tokens out.
    fn take_sequence(&mut self) -> Sequence {
        self.close_segment();
        let mut segments = vec![Segment::given(TokenSource::Prompt, take(&mut self.request.prompt_ids))];
        segments.append(&mut self.segments);
        Sequence::new(segments).expect("prompts are not empty, and each token was pushed whole")
    }

    /// The finished completion. Its reason is [`FinishReason::StopString`] where the whole text of one that was not
    /// aborted holds a stop string.
    ///
    /// # Errors
    /// The tokenizer refuses the ids.
    pub(crate) fn finish(mut self, reason: FinishReason, tokenizer: &Tokenizer) -> Result<Completion, RolloutError> {
        let num_text = self.ids.len() - usize::from(reason == FinishReason::Stop);
        let decoded = final_text(&self.ids[self.turn_start..num_text], &self.plan.rules, tokenizer);
        let (text, is_cut) = decoded.map_err(|source| RolloutError::Decode { request: self.request.name(), source })?;
        let entropy = (self.entropy_sum / self.num_sampled.max(1) as f64) as f32;
        Ok(Completion {
            draw: self.request.draw,
            sample: self.request.sample,
            earlier_sequences: take(&mut self.earlier),
            sequence: self.take_sequence(),
            text,
            entropy,
            finish_reason: if is_cut && reason != FinishReason::Aborted { FinishReason::StopString } else { reason },
        })
    }
}
