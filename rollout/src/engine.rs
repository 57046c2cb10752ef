//! Continuous batching: sequences decode together, a finished sequence's slot goes to the next waiting request.
//!
//! The engine stands beside the policy and borrows its decoder for a step at a time, so that between two steps requests
//! come and go and weights change. A prompt's tokens but the last are prefilled. The last goes through the decode step
//! like every sampled token, so sampling happens in one place. A request whose prompt is already in a slot, computed by
//! the same weights, copies its keys and values instead of computing them: a draw's samples share one prefill.
//! Sequences occupy slots 0..n without holes while decoding, so a step's work is proportional to the sequences that
//! run. This file must not know how tokens are drawn, nor when a completion ends.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use policy::{Decoder, ModelConfig, PackedWeights, Placement, Texts, product_time};
use tch::Tensor;

use crate::active_sequence::ActiveSequence;
use crate::attention::CachedAttention;
use crate::cache::{Demand, KvCache, round_up};
use crate::completion::{Completion, FinishReason, GenerationStats, RequestId, RolloutRequest};
use crate::error::RolloutError;
use crate::params::EngineOptions;
use crate::sampling_plan::SamplingPlans;
use crate::token_draw::{TokenDraw, TokenDrawer};
use crate::work::EngineWork;

/// A request that a step brought to its end.
#[derive(Debug)]
pub struct Finished {
    /// What [`Engine::submit`] returned for it.
    pub request: RequestId,
    /// The completion; an error where its logits are not finite, its parameters leave no token or the tokenizer fails,
    /// which is this request's alone.
    pub result: Result<Completion, RolloutError>,
}

/// Takes requests and completes them, a token a step for each that runs.
///
/// A completion depends on its request and on the weights of each step, not on the sequences beside it, nor on when it
/// was submitted (up to the rounding of differently shaped matrix products). Where weights change while a sequence
/// runs, keys and values of its earlier tokens stay those of the weights that computed them.
#[derive(Debug)]
pub struct Engine {
    config: ModelConfig,
    /// Configuration of what the decoder computes here, which the cache is made for.
    local: ModelConfig,
    placement: Placement,
    options: EngineOptions,
    texts: Arc<Texts>,
    plans: SamplingPlans,
    drawer: TokenDrawer,
    cache: KvCache,
    /// The sequence in each slot of the cache; empty only between a step and the next admission.
    slots: Vec<Option<ActiveSequence>>,
    waiting: VecDeque<ActiveSequence>,
    num_submitted: u64,
    /// The weights of a version as products read them, where they are packed.
    packed: Option<(u64, PackedWeights)>,
    stats: GenerationStats,
    work: EngineWork,
}

impl Engine {
    /// An engine without requests for decoders of this configuration and placement. `texts` are the policy's: its
    /// tokenizer, and the ids that end a completion.
    ///
    /// # Errors
    /// An option cannot be used.
    pub fn new(
        config: &ModelConfig,
        placement: Placement,
        options: &EngineOptions,
        texts: Arc<Texts>,
    ) -> Result<Self, RolloutError> {
        options.validate()?;
        Ok(Self {
            cache: KvCache::new(config, placement, options.cache_tokens),
            config: config.clone(),
            local: config.clone(),
            placement,
            options: options.clone(),
            texts,
            plans: SamplingPlans::default(),
            drawer: TokenDrawer::new(placement),
            slots: Vec::new(),
            waiting: VecDeque::new(),
            num_submitted: 0,
            packed: None,
            stats: GenerationStats::default(),
            work: EngineWork::default(),
        })
    }

    /// Takes a request, which waits until there is room for it. Nothing runs before the next step.
    ///
    /// # Errors
    /// The request or its parameters cannot be used. The other requests are not touched.
    pub fn submit(&mut self, request: RolloutRequest) -> Result<RequestId, RolloutError> {
        let plan = self.plans.of(&request.params, &self.texts.eos_ids, self.config.vocab_size as usize)?;
        let limit = self.limit(&request)?;
        let id = RequestId(self.num_submitted);
        self.num_submitted += 1;
        self.stats.num_prompt_tokens += request.prompt_ids.len();
        self.waiting.push_back(ActiveSequence::new(id, request, plan, limit));
        Ok(id)
    }

    /// Most tokens that a request may sample, once it is checked against the model and the cache's budget.
    fn limit(&self, request: &RolloutRequest) -> Result<usize, RolloutError> {
        let max_positions = self.config.max_position_embeddings as usize;
        let vocab_size = self.config.vocab_size as usize;
        let num_tokens = request.prompt_ids.len();
        if num_tokens == 0 {
            return Err(RolloutError::EmptyPrompt { request: request.name() });
        }
        if num_tokens >= max_positions {
            return Err(RolloutError::PromptTooLong { request: request.name(), num_tokens, max_positions });
        }
        if let Some(index) = request.prompt_ids.iter().position(|&id| id as usize >= vocab_size) {
            let id = request.prompt_ids[index];
            return Err(RolloutError::TokenOutOfRange { request: request.name(), index, id, vocab_size });
        }
        let limit = request.params.max_new_tokens.min(max_positions - num_tokens);
        let min_new_tokens = request.params.min_new_tokens;
        if min_new_tokens > limit {
            return Err(RolloutError::MinimumOverLimit { request: request.name(), min_new_tokens, limit });
        }
        let (num_tokens, cache_tokens) = (round_up(num_tokens + limit), self.options.cache_tokens);
        if num_tokens > cache_tokens {
            return Err(RolloutError::CacheTooSmall { request: request.name(), num_tokens, cache_tokens });
        }
        Ok(limit)
    }

    /// Drops a request, waiting or running. Returns what it has sampled so far, a completion whose reason is
    /// [`FinishReason::Aborted`]; `None` where there is none of this id: it has finished.
    pub fn abort(&mut self, id: RequestId) -> Option<Finished> {
        let is_it = |sequence: &ActiveSequence| sequence.id == id;
        let running = self.slots.iter_mut().find(|slot| slot.as_ref().is_some_and(is_it));
        let sequence = match running {
            Some(slot) => slot.take(),
            None => self.waiting.iter().position(is_it).and_then(|place| self.waiting.remove(place)),
        }?;
        self.stats.num_aborted += 1;
        Some(Finished { request: id, result: sequence.finish(FinishReason::Aborted, &self.texts.tokenizer) })
    }

    /// True where no request is waiting or running.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.num_running() == 0
    }

    /// Requests that no step has begun.
    pub fn num_waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Requests under way.
    pub fn num_running(&self) -> usize {
        self.running().count()
    }

    /// Counts and times since the last call, or since the engine was made.
    pub fn take_stats(&mut self) -> GenerationStats {
        std::mem::take(&mut self.stats)
    }

    /// Work and its time by part since the last call, or since the engine was made.
    pub fn take_work(&mut self) -> EngineWork {
        std::mem::take(&mut self.work)
    }

    /// Gives the cache's memory back while nothing runs, and that of packed weights; a later step takes it again.
    /// Returns false, and keeps it, where a sequence runs.
    pub fn release_cache(&mut self) -> bool {
        let is_free = self.num_running() == 0;
        if is_free {
            self.packed = None;
            self.slots.clear();
            self.cache = KvCache::new(&self.local, self.placement, self.options.cache_tokens);
        }
        is_free
    }

    /// Begins waiting requests where there is room, and gives each running sequence one token from these weights,
    /// without gradients. Returns the requests that it finished; none where the engine is idle.
    ///
    /// `policy_version` is the caller's number of the weights, which changes whenever they do. Where several ranks have
    /// shares of the decoder, the engines of all take the same requests in the same order and step at once, and have
    /// the same completions.
    ///
    /// # Errors
    /// The decoder is another model, or another share of it, than the engine's sequences run on; nothing has changed
    /// then. The cache cannot be allocated, or an operation between ranks failed; the engine has dropped all requests
    /// then.
    pub fn step(&mut self, decoder: &Decoder, policy_version: u64) -> Result<Vec<Finished>, RolloutError> {
        if *decoder.config() != self.config || decoder.placement() != self.placement {
            return Err(RolloutError::OtherModel);
        }
        if *decoder.local_config() != self.local {
            if self.num_running() > 0 {
                return Err(RolloutError::OtherModel);
            }
            self.local = decoder.local_config().clone();
            self.release_cache();
        }
        if self.is_idle() {
            return Ok(Vec::new());
        }
        let finished = tch::no_grad(|| {
            self.pack(decoder, policy_version);
            self.admit(decoder, policy_version)?;
            self.decode(decoder, policy_version)
        });
        if finished.is_err() {
            self.waiting.clear();
            self.slots.clear();
            self.release_cache();
        }
        finished
    }

    /// Packs the weights of this version, unless they are or are not to be.
    fn pack(&mut self, decoder: &Decoder, policy_version: u64) {
        if self.options.packed_weights && self.packed.as_ref().is_none_or(|(version, _)| *version != policy_version) {
            self.packed = None; // one at a time in memory
            self.packed = PackedWeights::of(decoder).map(|packed| (policy_version, packed));
        }
    }

    fn running(&self) -> impl Iterator<Item = &ActiveSequence> {
        self.slots.iter().flatten()
    }

    /// Gives free slots to waiting requests, closes the gaps that are left, and prefills.
    fn admit(&mut self, decoder: &Decoder, policy_version: u64) -> Result<(), RolloutError> {
        let started = Instant::now();
        let mut admitted = Vec::new();
        let mut num_sequences = self.num_running();
        let mut most_tokens = self.running().map(ActiveSequence::most_tokens).max().unwrap_or(0);
        while num_sequences < self.options.max_sequences
            && let Some(sequence) = self.waiting.front()
        {
            most_tokens = most_tokens.max(sequence.most_tokens());
            if (num_sequences + 1) * round_up(most_tokens) > self.options.cache_tokens {
                break;
            }
            let sequence = self.waiting.pop_front().expect("the front was there");
            let slot = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
            if slot == self.slots.len() {
                self.slots.push(None);
            }
            self.slots[slot] = Some(sequence);
            admitted.push(slot);
            num_sequences += 1;
        }
        self.close_gaps();
        if admitted.is_empty() {
            return Ok(());
        }
        self.reserve()?;
        for &slot in &admitted {
            self.slots[slot].as_mut().expect("an admitted sequence has a slot").prefilled_by = Some(policy_version);
        }
        let passes = self.prefill(&admitted, decoder);
        self.stats.prefill_seconds += started.elapsed().as_secs_f64();
        self.work.scheduling += started.elapsed().saturating_sub(passes);
        Ok(())
    }

    /// Moves the last sequences into empty slots. Those just admitted took the lowest slots and never move.
    fn close_gaps(&mut self) {
        let mut slot = 0;
        while slot < self.slots.len() {
            if self.slots[slot].is_some() {
                slot += 1;
                continue;
            }
            let last = self.slots.pop().flatten();
            if let Some(sequence) = last {
                self.cache.copy(self.slots.len(), slot, sequence.num_cached());
                self.slots[slot] = Some(sequence);
            }
        }
    }

    /// Makes room in the cache for the tokens that each sequence holds after the next step.
    fn reserve(&mut self) -> Result<(), RolloutError> {
        let demand = Demand {
            sequences: self.slots.len(),
            tokens: self.running().map(|sequence| sequence.num_cached() + 1).max().unwrap_or(0),
            most_tokens: self.running().map(ActiveSequence::most_tokens).max().unwrap_or(0),
        };
        self.cache.reserve(demand)
    }

    /// Fills the admitted slots with their prompts but the last token: computed in packs, or copied from a slot with
    /// the same prompt that the same weights computed. Returns the time of the passes.
    fn prefill(&mut self, admitted: &[usize], decoder: &Decoder) -> Duration {
        let mut passes = Duration::ZERO;
        let mut is_filled: Vec<bool> = (0..self.slots.len()).map(|slot| !admitted.contains(&slot)).collect();
        let mut copies = Vec::new();
        let mut pack: Vec<(usize, usize)> = Vec::new();
        let mut num_packed = 0;
        for &slot in admitted {
            let sequence = self.sequence(slot);
            let length = sequence.num_cached();
            let twin = (0..self.slots.len()).find(|&other| {
                let twin = self.sequence(other);
                is_filled[other]
                    && twin.prefilled_by == sequence.prefilled_by
                    && twin.request.prompt_ids == sequence.request.prompt_ids
            });
            is_filled[slot] = true;
            if let Some(twin) = twin {
                copies.push((twin, slot, length));
            } else if length == 0 {
                self.cache.restart(slot, 0);
            } else {
                if num_packed + length > self.options.prefill_tokens && !pack.is_empty() {
                    passes += self.prefill_pack(&std::mem::take(&mut pack), decoder);
                    num_packed = 0;
                }
                num_packed += length;
                pack.push((slot, length));
            }
        }
        if !pack.is_empty() {
            passes += self.prefill_pack(&pack, decoder);
        }
        for (twin, slot, length) in copies {
            self.cache.copy(twin, slot, length);
        }
        passes
    }

    /// Prefills some slots, each with the given number of its prompt's tokens, in one forward pass. Returns its time.
    fn prefill_pack(&mut self, pack: &[(usize, usize)], decoder: &Decoder) -> Duration {
        let (mut ids, mut positions) = (Vec::<i64>::new(), Vec::<i64>::new());
        for &(slot, length) in pack {
            ids.extend(self.sequence(slot).request.prompt_ids[..length].iter().map(|&id| i64::from(id)));
            positions.extend(0..length as i64);
        }
        self.stats.num_prefills += 1;
        self.stats.num_prefill_tokens += ids.len();
        let upload = |values: &[i64]| Tensor::from_slice(values).to_device(decoder.device());
        let mut attention = CachedAttention::prefill(&mut self.cache, pack, decoder.device());
        let (started, products) = (Instant::now(), product_time());
        let packed = self.packed.as_ref().map(|(_, packed)| packed);
        let _ = decoder.hidden_by(packed, &upload(&ids), &upload(&positions), &mut attention);
        let (attention, pass) = (attention.spent(), started.elapsed());
        *self.work.prefill_passes.entry(ids.len()).or_default() += 1;
        self.work.attention += attention;
        self.work.products += product_time() - products;
        pass
    }

    /// Samples one token for each sequence: an upload, one pass, and what sampling takes.
    /// Finished sequences leave their slots.
    fn decode(&mut self, decoder: &Decoder, policy_version: u64) -> Result<Vec<Finished>, RolloutError> {
        let started = Instant::now();
        self.reserve()?;
        let num_sequences = self.slots.len();
        let mut inputs = vec![0i64; 3 * num_sequences]; // ids, positions, places in the cache
        let (mut longest, mut num_attended) = (0, 0);
        for (slot, sequence) in self.running().enumerate() {
            let position = sequence.num_cached();
            longest = longest.max(position + 1);
            num_attended += position as u64 + 1;
            inputs[slot] = i64::from(sequence.next_input());
            inputs[num_sequences + slot] = position as i64;
            inputs[2 * num_sequences + slot] = self.cache.index(slot, position);
        }
        let inputs = Tensor::from_slice(&inputs).to_device(decoder.device()).view([3, num_sequences as i64]);
        let mut attention = CachedAttention::decode(&mut self.cache, inputs.get(2), longest);
        let (pass_started, products) = (Instant::now(), product_time());
        let packed = self.packed.as_ref().map(|(_, packed)| packed);
        let hidden = decoder.hidden_by(packed, &inputs.get(0), &inputs.get(1), &mut attention); // [sequences, hidden]
        let (attention, pass, products) = (attention.spent(), pass_started.elapsed(), product_time() - products);
        let head_started = Instant::now();
        let logits = decoder.logits_by(packed, &hidden);
        let head = head_started.elapsed();
        let draws: Vec<TokenDraw<'_>> = self.running().map(ActiveSequence::next_draw).collect();
        let tokens = self.drawer.draw(&draws, &logits, decoder.store().tensor());
        decoder.store().verify().map_err(RolloutError::Ranks)?;
        let sampling = head_started.elapsed() - head;
        *self.work.decode_passes.entry(num_sequences).or_default() += 1;
        self.work.num_attended += num_attended;
        self.work.attention += attention;
        self.work.products += products;
        self.work.head += head;
        self.work.sampling += sampling;
        self.stats.num_decode_steps += 1;
        self.stats.num_sequence_steps += num_sequences;
        self.stats.num_completion_tokens += tokens.len();
        let mut finished = Vec::new();
        for (slot, token) in tokens.into_iter().enumerate() {
            let sequence = self.slots[slot].as_mut().expect("slots have no gaps while decoding");
            let reason = match sequence.push(token, policy_version, &self.texts.tokenizer) {
                Ok(None) => continue,
                Ok(Some(reason)) => Ok(reason),
                Err(error) => {
                    self.cache.clear(slot);
                    Err(error)
                }
            };
            let sequence = self.slots[slot].take().expect("the sequence was there");
            let request = sequence.id;
            let result = reason.and_then(|reason| sequence.finish(reason, &self.texts.tokenizer));
            self.stats.num_completions += usize::from(result.is_ok());
            finished.push(Finished { request, result });
        }
        self.stats.decode_seconds += started.elapsed().as_secs_f64();
        self.work.scheduling += started.elapsed().saturating_sub(pass + head + sampling);
        Ok(finished)
    }

    fn sequence(&self, slot: usize) -> &ActiveSequence {
        self.slots[slot].as_ref().expect("an admitted sequence has a slot")
    }
}
