//! Continuous batching: sequences decode together, a finished sequence's slot goes to the next waiting request.
//!
//! A prompt's tokens but the last are prefilled. The last goes through the decode step like every sampled token, so
//! sampling happens in one place. A request whose prompt is already in a slot copies its keys and values instead of
//! computing them: a group's completions share one prefill. Sequences occupy slots 0..n without holes, so a step's work
//! is proportional to the sequences in flight. This file must not know how tokens are drawn, nor when a completion
//! ends.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use policy::Policy;
use tch::Tensor;

use crate::attention::CachedAttention;
use crate::cache::{Demand, KvCache, round_up};
use crate::completion::{Completion, GenerationStats, RolloutRequest};
use crate::error::RolloutError;
use crate::params::{EngineOptions, SamplingParams};
use crate::sampler::Sampler;
use crate::sequence::Sequence;
use crate::stop::StopRules;

/// Completes every request and hands each completion to `on_completion` as it finishes, while others still generate.
///
/// Runs without gradients on the calling thread. A completion depends on the weights, its request and the parameters,
/// not on the sequences beside it (up to the rounding of differently shaped matrix products). A completion ends early
/// where the model's positions end before `max_new_tokens`.
///
/// # Errors
/// Parameters, options and requests are checked before anything runs. Later: `cancel` was set, the logits are not
/// finite, the cache cannot be allocated, or the tokenizer fails; completions already delivered stay valid.
pub fn generate(
    policy: &Policy,
    requests: Vec<RolloutRequest>,
    params: &SamplingParams,
    options: &EngineOptions,
    policy_version: u64,
    cancel: &AtomicBool,
    mut on_completion: impl FnMut(Completion),
) -> Result<GenerationStats, RolloutError> {
    params.validate()?;
    options.validate()?;
    let checked = |request| checked_sequence(policy, request, params, options);
    let waiting: VecDeque<Sequence> = requests.into_iter().map(checked).collect::<Result<_, _>>()?;
    let decoder = &policy.decoder;
    let mut engine = Engine {
        policy,
        options,
        sampler: Sampler::new(params),
        rules: StopRules::new(params, &policy.eos_ids),
        policy_version,
        cache: KvCache::new(decoder.config(), decoder.placement(), options.cache_tokens),
        stats: GenerationStats {
            num_prompt_tokens: waiting.iter().map(|sequence| sequence.request.prompt_ids.len()).sum(),
            ..GenerationStats::default()
        },
        slots: Vec::new(),
        waiting,
    };
    tch::no_grad(|| {
        while engine.num_unfinished() > 0 {
            if cancel.load(Ordering::Relaxed) {
                return Err(RolloutError::Cancelled { num_unfinished: engine.num_unfinished() });
            }
            engine.admit()?;
            engine.step(&mut on_completion)?;
        }
        Ok(engine.stats)
    })
}

/// Checks a request against the model and the cache's budget.
fn checked_sequence(
    policy: &Policy,
    request: RolloutRequest,
    params: &SamplingParams,
    options: &EngineOptions,
) -> Result<Sequence, RolloutError> {
    let config = policy.decoder.config();
    let (max_positions, vocab_size) = (config.max_position_embeddings as usize, config.vocab_size as usize);
    let num_tokens = request.prompt_ids.len();
    if num_tokens == 0 {
        return Err(RolloutError::EmptyPrompt { task_id: request.task_id, sample_index: request.sample_index });
    }
    if num_tokens >= max_positions {
        return Err(RolloutError::PromptTooLong { task_id: request.task_id, num_tokens, max_positions });
    }
    if let Some(index) = request.prompt_ids.iter().position(|&id| id as usize >= vocab_size) {
        let id = request.prompt_ids[index];
        return Err(RolloutError::TokenOutOfRange { task_id: request.task_id, index, id, vocab_size });
    }
    let limit = params.max_new_tokens.min(max_positions - num_tokens);
    let sequence = Sequence::new(request, limit, params.seed);
    let (num_tokens, cache_tokens) = (round_up(sequence.most_tokens()), options.cache_tokens);
    if num_tokens > cache_tokens {
        return Err(RolloutError::CacheTooSmall { task_id: sequence.request.task_id, num_tokens, cache_tokens });
    }
    Ok(sequence)
}

/// One generation under way.
struct Engine<'a> {
    policy: &'a Policy,
    options: &'a EngineOptions,
    sampler: Sampler,
    rules: StopRules,
    policy_version: u64,
    cache: KvCache,
    /// The sequence in each slot of the cache; empty only between a step and the next admission.
    slots: Vec<Option<Sequence>>,
    waiting: VecDeque<Sequence>,
    stats: GenerationStats,
}

impl Engine<'_> {
    fn in_flight(&self) -> impl Iterator<Item = &Sequence> {
        self.slots.iter().flatten()
    }

    fn num_unfinished(&self) -> usize {
        self.waiting.len() + self.in_flight().count()
    }

    /// Gives free slots to waiting requests, closes the gaps that are left, and prefills.
    fn admit(&mut self) -> Result<(), RolloutError> {
        let started = Instant::now();
        let mut admitted = Vec::new();
        let mut num_sequences = self.in_flight().count();
        let mut most_tokens = self.in_flight().map(Sequence::most_tokens).max().unwrap_or(0);
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
        self.prefill(&admitted);
        self.stats.prefill_seconds += started.elapsed().as_secs_f64();
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
            tokens: self.in_flight().map(|sequence| sequence.num_cached() + 1).max().unwrap_or(0),
            most_tokens: self.in_flight().map(Sequence::most_tokens).max().unwrap_or(0),
        };
        self.cache.reserve(demand)
    }

    /// Fills the admitted slots with their prompts but the last token: computed in packs, or copied from a slot with
    /// the same prompt.
    fn prefill(&mut self, admitted: &[usize]) {
        let mut is_filled: Vec<bool> = (0..self.slots.len()).map(|slot| !admitted.contains(&slot)).collect();
        let mut copies = Vec::new();
        let mut pack: Vec<(usize, usize)> = Vec::new();
        let mut num_packed = 0;
        for &slot in admitted {
            let length = self.sequence(slot).num_cached();
            let prompt_ids = &self.sequence(slot).request.prompt_ids;
            let is_twin = |other: &usize| is_filled[*other] && self.sequence(*other).request.prompt_ids == *prompt_ids;
            let twin = (0..self.slots.len()).find(is_twin);
            is_filled[slot] = true;
            if let Some(twin) = twin {
                copies.push((twin, slot, length));
            } else if length == 0 {
                self.cache.restart(slot, 0);
            } else {
                if num_packed + length > self.options.prefill_tokens && !pack.is_empty() {
                    self.prefill_pack(&std::mem::take(&mut pack));
                    num_packed = 0;
                }
                num_packed += length;
                pack.push((slot, length));
            }
        }
        if !pack.is_empty() {
            self.prefill_pack(&pack);
        }
        for (twin, slot, length) in copies {
            self.cache.copy(twin, slot, length);
        }
    }

    /// Prefills some slots, each with the given number of its prompt's tokens, in one forward pass.
    fn prefill_pack(&mut self, pack: &[(usize, usize)]) {
        let decoder = &self.policy.decoder;
        let (mut ids, mut positions) = (Vec::<i64>::new(), Vec::<i64>::new());
        for &(slot, length) in pack {
            ids.extend(self.sequence(slot).request.prompt_ids[..length].iter().map(|&id| i64::from(id)));
            positions.extend(0..length as i64);
        }
        self.stats.num_prefills += 1;
        self.stats.num_prefill_tokens += ids.len();
        let upload = |values: &[i64]| Tensor::from_slice(values).to_device(decoder.device());
        let mut attention = CachedAttention::prefill(&mut self.cache, pack, decoder.device());
        let _ = decoder.hidden(&upload(&ids), &upload(&positions), &mut attention);
    }

    /// Samples one token for each sequence: one upload, one pass, one download. Finished sequences leave their slots.
    fn step(&mut self, on_completion: &mut impl FnMut(Completion)) -> Result<(), RolloutError> {
        let started = Instant::now();
        self.reserve()?;
        let decoder = &self.policy.decoder;
        let num_sequences = self.slots.len();
        let mut inputs = vec![0i64; 3 * num_sequences]; // ids, positions, places in the cache
        let mut uniforms = vec![0f64; num_sequences];
        let mut longest = 0;
        for (slot, sequence) in self.in_flight().enumerate() {
            let position = sequence.num_cached();
            longest = longest.max(position + 1);
            inputs[slot] = i64::from(sequence.next_input());
            inputs[num_sequences + slot] = position as i64;
            inputs[2 * num_sequences + slot] = self.cache.index(slot, position);
            uniforms[slot] = sequence.uniform();
        }
        let inputs = Tensor::from_slice(&inputs).to_device(decoder.device()).view([3, num_sequences as i64]);
        let uniforms = Tensor::from_slice(&uniforms).to_device(decoder.device());
        let mut attention = CachedAttention::decode(&mut self.cache, inputs.get(2), longest);
        let hidden = decoder.hidden(&inputs.get(0), &inputs.get(1), &mut attention); // [sequences, hidden]
        let tokens = self.sampler.sample(&decoder.logits(&hidden), &uniforms);
        self.stats.num_decode_steps += 1;
        self.stats.num_completion_tokens += num_sequences;
        for (slot, token) in tokens.into_iter().enumerate() {
            let sequence = self.slots[slot].as_mut().expect("slots have no gaps while decoding");
            if let Some(reason) = sequence.push(token, &self.rules, &self.policy.tokenizer)? {
                let sequence = self.slots[slot].take().expect("the sequence was there");
                self.stats.num_completions += 1;
                on_completion(sequence.finish(reason, &self.rules, &self.policy.tokenizer, self.policy_version)?);
            }
        }
        self.stats.decode_seconds += started.elapsed().as_secs_f64();
        Ok(())
    }

    fn sequence(&self, slot: usize) -> &Sequence {
        self.slots[slot].as_ref().expect("an admitted sequence has a slot")
    }
}
