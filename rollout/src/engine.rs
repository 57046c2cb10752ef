//! Continuous batching: rows decode together, a finished row's slot goes to the next waiting request.
//!
//! A prompt's tokens but the last are prefilled; the last goes through the decode step like every sampled token, so sampling
//! happens in one place, and requests with a prompt that is already in a slot copy its keys and values instead of computing them
//! (a group's completions share one prefill). Rows occupy slots 0..n without holes, so a step's work follows the rows in flight.
//! This file must not know how tokens are drawn, nor when a completion ends.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use policy::Policy;
use tch::Tensor;

use crate::attention::CachedAttention;
use crate::cache::{Demand, KvCache, round_up};
use crate::row::Row;
use crate::sampler::Sampler;
use crate::stop::StopRules;
use crate::{Completion, EngineOptions, GenerationStats, RolloutError, RolloutRequest, SamplingParams};

/// Completes every request and hands each completion to `on_completion` as it finishes, while others still generate.
///
/// Runs without gradients on the calling thread. A completion depends on the weights, its request and the parameters, not on the
/// batch it was in (up to the rounding of differently shaped matrix products). Where the model's positions end before
/// `max_new_tokens`, so does the completion.
///
/// # Errors
/// Parameters, options and requests are checked before anything runs. Later: `cancel` was set, the logits are not finite, the
/// cache cannot be allocated, or the tokenizer fails; completions already delivered stay valid.
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
    let waiting: VecDeque<Row> =
        requests.into_iter().map(|request| checked_row(policy, request, params, options)).collect::<Result<_, _>>()?;
    let decoder = &policy.decoder;
    let mut engine = Engine {
        policy,
        options,
        sampler: Sampler::new(params),
        rules: StopRules::new(params, &policy.eos_ids),
        policy_version,
        cache: KvCache::new(decoder.config(), (decoder.kind(), decoder.device()), options.cache_tokens),
        stats: GenerationStats {
            num_prompt_tokens: waiting.iter().map(|row| row.request.prompt_ids.len()).sum(),
            ..GenerationStats::default()
        },
        rows: Vec::new(),
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

/// Holds a request against the model and the budget.
fn checked_row(
    policy: &Policy,
    request: RolloutRequest,
    params: &SamplingParams,
    options: &EngineOptions,
) -> Result<Row, RolloutError> {
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
    let row = Row::new(request, limit, params.seed);
    let (num_tokens, cache_tokens) = (round_up(row.most_tokens()), options.cache_tokens);
    if num_tokens > cache_tokens {
        return Err(RolloutError::CacheTooSmall { task_id: row.request.task_id, num_tokens, cache_tokens });
    }
    Ok(row)
}

struct Engine<'a> {
    policy: &'a Policy,
    options: &'a EngineOptions,
    sampler: Sampler,
    rules: StopRules,
    policy_version: u64,
    cache: KvCache,
    /// By slot. Empty ones stand here only between a step and the next admission.
    rows: Vec<Option<Row>>,
    waiting: VecDeque<Row>,
    stats: GenerationStats,
}

impl Engine<'_> {
    fn num_unfinished(&self) -> usize {
        self.waiting.len() + self.rows.iter().flatten().count()
    }

    /// Gives free slots to waiting requests, closes the gaps that are left, and prefills.
    fn admit(&mut self) -> Result<(), RolloutError> {
        let started = Instant::now();
        let mut admitted = Vec::new();
        let mut num_rows = self.rows.iter().flatten().count();
        let mut most_tokens = self.rows.iter().flatten().map(Row::most_tokens).max().unwrap_or(0);
        while num_rows < self.options.max_batch
            && let Some(row) = self.waiting.front()
        {
            most_tokens = most_tokens.max(row.most_tokens());
            if (num_rows + 1) * round_up(most_tokens) > self.options.cache_tokens {
                break;
            }
            let row = self.waiting.pop_front().expect("the front was there");
            let slot = self.rows.iter().position(Option::is_none).unwrap_or(self.rows.len());
            if slot == self.rows.len() {
                self.rows.push(None);
            }
            self.rows[slot] = Some(row);
            admitted.push(slot);
            num_rows += 1;
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

    /// Moves the last rows into empty slots. Those that were just admitted took the lowest and never move.
    fn close_gaps(&mut self) {
        let mut slot = 0;
        while slot < self.rows.len() {
            if self.rows[slot].is_some() {
                slot += 1;
                continue;
            }
            let last = self.rows.pop().flatten();
            if let Some(row) = last {
                self.cache.copy(self.rows.len(), slot, row.num_cached());
                self.rows[slot] = Some(row);
            }
        }
    }

    /// Room for what each row will hold after the next step.
    fn reserve(&mut self) -> Result<(), RolloutError> {
        let rows = || self.rows.iter().flatten();
        self.cache.reserve(Demand {
            rows: self.rows.len(),
            tokens: rows().map(|row| row.num_cached() + 1).max().unwrap_or(0),
            most_tokens: rows().map(Row::most_tokens).max().unwrap_or(0),
        })
    }

    /// Fills the admitted slots with their prompts but the last token: computed in packs, or copied from a slot with the same
    /// prompt.
    fn prefill(&mut self, admitted: &[usize]) {
        let mut is_filled: Vec<bool> = (0..self.rows.len()).map(|slot| !admitted.contains(&slot)).collect();
        let mut copies = Vec::new();
        let mut pack: Vec<(usize, usize)> = Vec::new();
        let mut num_packed = 0;
        for &slot in admitted {
            let length = self.row(slot).num_cached();
            let prompt_ids = &self.row(slot).request.prompt_ids;
            let is_twin = |other: &usize| is_filled[*other] && self.row(*other).request.prompt_ids == *prompt_ids;
            let twin = (0..self.rows.len()).find(is_twin);
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

    fn prefill_pack(&mut self, pack: &[(usize, usize)]) {
        let decoder = &self.policy.decoder;
        let (mut ids, mut positions) = (Vec::<i64>::new(), Vec::<i64>::new());
        for &(slot, length) in pack {
            ids.extend(self.row(slot).request.prompt_ids[..length].iter().map(|&id| i64::from(id)));
            positions.extend(0..length as i64);
        }
        self.stats.num_prefills += 1;
        self.stats.num_prefill_tokens += ids.len();
        let upload = |values: &[i64]| Tensor::from_slice(values).to_device(decoder.device());
        let mut attention = CachedAttention::prefill(&mut self.cache, pack, decoder.device());
        let _ = decoder.hidden(&upload(&ids), &upload(&positions), &mut attention);
    }

    /// One token for each row: one upload, one pass, one download. Finished rows leave their slots.
    fn step(&mut self, on_completion: &mut impl FnMut(Completion)) -> Result<(), RolloutError> {
        let started = Instant::now();
        self.reserve()?;
        let decoder = &self.policy.decoder;
        let num_rows = self.rows.len();
        let mut inputs = vec![0i64; 3 * num_rows];
        let mut uniforms = vec![0f64; num_rows];
        let mut longest = 0;
        for (slot, row) in self.rows.iter().flatten().enumerate() {
            let position = row.num_cached();
            longest = longest.max(position + 1);
            inputs[slot] = i64::from(row.next_input());
            inputs[num_rows + slot] = position as i64;
            inputs[2 * num_rows + slot] = self.cache.index(slot, position);
            uniforms[slot] = row.uniform();
        }
        let inputs = Tensor::from_slice(&inputs).to_device(decoder.device()).view([3, num_rows as i64]);
        let uniforms = Tensor::from_slice(&uniforms).to_device(decoder.device());
        let mut attention = CachedAttention::decode(&mut self.cache, inputs.get(2), longest);
        let hidden = decoder.hidden(&inputs.get(0), &inputs.get(1), &mut attention); // [rows, hidden]
        let tokens = self.sampler.sample(&decoder.logits(&hidden), &uniforms);
        self.stats.num_decode_steps += 1;
        self.stats.num_completion_tokens += num_rows;
        for (slot, token) in tokens.into_iter().enumerate() {
            let row = self.rows[slot].as_mut().expect("slots have no gaps while decoding");
            if let Some(reason) = row.push(token, &self.rules, &self.policy.tokenizer)? {
                let row = self.rows[slot].take().expect("the row was there");
                self.stats.num_completions += 1;
                on_completion(row.finish(reason, &self.rules, &self.policy.tokenizer, self.policy_version)?);
            }
        }
        self.stats.decode_seconds += started.elapsed().as_secs_f64();
        Ok(())
    }

    fn row(&self, slot: usize) -> &Row {
        self.rows[slot].as_ref().expect("an admitted row has a slot")
    }
}
