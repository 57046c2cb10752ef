//! Continuous batching: prompts are computed and sequences decode together, pass by pass.
//!
//! The engine stands beside the policy and borrows its decoder for a step at a time, so that between two steps requests
//! come and go and weights change. Each step is one pass over what the scheduler plans: pieces of prompts beside the
//! last tokens of sequences that decode. Whatever computes a sequence's last token, its next one is sampled from it, so
//! sampling happens in one place. This file must not know how tokens are drawn, when a completion ends, or which
//! blocks a sequence holds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kernels::{BLOCK_TOKENS, Threads};
use policy::dist::Reduction;
use policy::{ChainWeights, Decoder, ModelConfig, Placement, Texts, product_time};
use sampling::SampledToken;
use tch::{Device, Tensor};

use crate::active_sequence::{ActiveSequence, Pushed};
use crate::attention::CachedAttention;
use crate::cache::{CachedPiece, CoresRows, KvTensors, blocks_of, fitting_blocks};
use crate::completion::{Completion, FinishReason, GenerationStats, RequestId, RolloutRequest};
use crate::cores_pass::{CoresPass, PassMeans};
use crate::error::RolloutError;
use crate::packed_weights::VersionWeights;
use crate::params::{CacheAfterUpdate, EngineOptions};
use crate::request_name::RequestName;
use crate::sampling_plan::SamplingPlans;
use crate::scheduler::{Bounds, PassPiece, PassPlan, Scheduler};
use crate::token_draw::{TokenDraw, draw_rows, draw_tokens};
use crate::turn::EndedTurn;
use crate::unfinished::Unfinished;
use crate::work::EngineWork;

/// Tokens of a cache whose size is what is free, where nobody says what is.
const UNKNOWN_TOKENS: usize = 65_536;

/// A request that a step brought to its end.
#[derive(Debug)]
pub struct Finished {
    /// What [`Engine::submit`] returned for it.
    pub request: RequestId,
    /// The completion; an error where the logits are not finite or the tokenizer fails, which is this request's alone.
    pub result: Result<Completion, RolloutError>,
}

/// Takes requests and completes them, a token a step for each that runs.
///
/// A completion depends on its request and on the weights of each step, not on the sequences beside it, nor on when it
/// was submitted or how often it gave its place back (up to the rounding of differently shaped matrix products). Where
/// weights change while a sequence runs, its tokens stay, and its keys and values are computed again by the new ones or
/// not ([`CacheAfterUpdate`]). What begins later never reads those of other weights.
#[derive(Debug)]
pub struct Engine {
    config: ModelConfig,
    /// Configuration of what the decoder computes here, which the cache is made for.
    local: ModelConfig,
    placement: Placement,
    options: EngineOptions,
    texts: Arc<Texts>,
    plans: SamplingPlans,
    scheduler: Scheduler<ActiveSequence>,
    tensors: KvTensors,
    /// Blocks that the cache may have; none before that is known.
    most_blocks: Option<usize>,
    /// Processes that share the host's memory, this one among them.
    num_processes: usize,
    threads: Threads,
    num_submitted: u64,
    /// The weights of a version as passes read them, unless they are not to be packed.
    packed: Option<(u64, VersionWeights)>,
    cores: CoresPass,
    /// Turns that ended and were not handed out yet.
    turns: Vec<EndedTurn>,
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
        let bounds = Bounds { max_sequences: options.max_sequences, prefill_tokens: options.prefill_tokens };
        let most_blocks = options.cache_tokens.number().map(|tokens| tokens / BLOCK_TOKENS);
        Ok(Self {
            tensors: KvTensors::new(config, placement),
            scheduler: Scheduler::new(bounds, most_blocks.unwrap_or(0)),
            most_blocks,
            num_processes: 1,
            config: config.clone(),
            local: config.clone(),
            placement,
            options: options.clone(),
            texts,
            plans: SamplingPlans::default(),
            threads: Threads::new(1),
            num_submitted: 0,
            packed: None,
            cores: CoresPass::default(),
            turns: Vec::new(),
            stats: GenerationStats::default(),
            work: EngineWork::default(),
        })
    }

    /// The same for one of some processes that share the host's memory: of what is free a cache whose size is
    /// [`CacheTokens::Auto`](crate::CacheTokens::Auto) counts its part.
    #[must_use]
    pub fn beside(mut self, num_processes: usize) -> Self {
        self.num_processes = num_processes;
        self
    }

    /// Takes a request, which waits until there is room for it. Nothing runs before the next step.
    ///
    /// # Errors
    /// The request or its parameters cannot be used. The other requests are not touched.
    pub fn submit(&mut self, request: RolloutRequest) -> Result<RequestId, RolloutError> {
        self.go_on(request.into())
    }

    /// Checks a request against the model and the cache's budget; returns the most tokens that may be sampled of it.
    fn check_request(&self, unfinished: &Unfinished) -> Result<usize, RolloutError> {
        let request = &unfinished.request;
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
        if unfinished.is_in_later_turn() {
            return Ok(request.params.max_new_tokens); // a later turn takes the room that is left
        }
        let limit = request.params.max_new_tokens.min(max_positions - num_tokens);
        let min_new_tokens = request.params.min_new_tokens;
        if min_new_tokens > limit {
            return Err(RolloutError::MinimumOverLimit { request: request.name(), min_new_tokens, limit });
        }
        if let Some(most_blocks) = self.most_blocks {
            check_room(request.name(), num_tokens + limit, most_blocks)?;
        }
        Ok(limit)
    }

    /// Most tokens that any sequence may have.
    fn longest_sequence(&self) -> usize {
        let by_blocks = self.most_blocks.map_or(usize::MAX, |most_blocks| most_blocks * BLOCK_TOKENS);
        by_blocks.min(self.config.max_position_embeddings as usize)
    }

    /// Drops a request, waiting, running or between two turns. Returns what it has sampled so far, a completion whose
    /// reason is [`FinishReason::Aborted`]; `None` where there is none of this id: it has finished.
    pub fn abort(&mut self, id: RequestId) -> Option<Finished> {
        let sequence = self.scheduler.abort(|sequence| sequence.id == id)?;
        self.stats.num_aborted += 1;
        Some(Finished { request: id, result: sequence.finish(FinishReason::Aborted, &self.texts.tokenizer) })
    }

    /// True where no request is waiting or running.
    pub fn is_idle(&self) -> bool {
        self.num_waiting() == 0 && self.num_running() == 0
    }

    /// Requests that no step has begun, or that gave their place back.
    pub fn num_waiting(&self) -> usize {
        self.scheduler.num_waiting()
    }

    /// Requests under way.
    pub fn num_running(&self) -> usize {
        self.scheduler.running().len()
    }

    /// Counts and times since the last call, or since the engine was made.
    pub fn take_stats(&mut self) -> GenerationStats {
        std::mem::take(&mut self.stats)
    }

    /// Work and its time by part since the last call, or since the engine was made.
    pub fn take_work(&mut self) -> EngineWork {
        std::mem::take(&mut self.work)
    }

    /// Gives the cache's memory back while nothing runs, with all that it knows of earlier requests, and that of packed
    /// weights; a later step takes memory again. Returns false, and keeps it, where a sequence runs or is between two
    /// turns.
    pub fn release_cache(&mut self) -> bool {
        let is_free = self.num_running() == 0 && self.num_between_turns() == 0;
        if is_free {
            self.packed = None;
            self.cores = CoresPass::default();
            self.scheduler.reset_blocks(self.most_blocks.unwrap_or(0));
            self.tensors = KvTensors::new(&self.local, self.placement);
        }
        is_free
    }

    /// Begins waiting requests where there is room, and computes a pass with these weights, without gradients: each
    /// running sequence gets a token, but for those whose prompts take more passes. Returns the requests that it
    /// finished; none where the engine is idle.
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
            if self.num_running() > 0 || self.num_between_turns() > 0 {
                return Err(RolloutError::OtherModel);
            }
            self.local = decoder.local_config().clone();
            self.release_cache();
        }
        if self.is_idle() {
            return Ok(Vec::new());
        }
        self.set_threads();
        let finished = tch::no_grad(|| {
            self.pack(decoder, policy_version);
            self.pass(decoder, policy_version)
        });
        if finished.is_err() {
            self.turns.clear();
            self.scheduler.clear(self.most_blocks.unwrap_or(0));
            self.release_cache();
        }
        finished
    }

    /// As many threads as libtorch has, which a caller may change between two steps.
    fn set_threads(&mut self) {
        let num_threads = usize::try_from(tch::get_num_threads()).unwrap_or(1);
        if self.placement.device == Device::Cpu && self.threads.num_threads() != num_threads {
            self.threads = Threads::new(num_threads);
        }
    }

    /// Packs the weights of this version, unless they are or are not to be.
    fn pack(&mut self, decoder: &Decoder, policy_version: u64) {
        if self.options.packed_weights && self.packed.as_ref().is_none_or(|(version, _)| *version != policy_version) {
            self.packed = None; // one at a time in memory
            self.packed = Some((policy_version, VersionWeights::of(decoder, &self.threads)));
        }
    }

    fn pass(&mut self, decoder: &Decoder, policy_version: u64) -> Result<Vec<Finished>, RolloutError> {
        let started = Instant::now();
        let (most_blocks, mut finished) = self.size_cache(decoder)?;
        let is_changed = self.scheduler.policy_version() != Some(policy_version);
        if is_changed && self.options.cache_after_update == CacheAfterUpdate::Recompute {
            self.scheduler.have_all_wait();
        }
        let plan = self.scheduler.plan(policy_version);
        self.stats.num_preemptions += self.scheduler.take_preemptions();
        if plan.pieces.is_empty() {
            return Ok(finished); // all that waited was too long
        }
        self.tensors.grow(self.scheduler.num_blocks(), most_blocks)?;
        self.tensors.copy(&plan.copies);
        let (hidden, pass) = self.compute(&plan, decoder);
        self.scheduler.pass_is_over(&plan);
        let sampled: Vec<PassPiece> = plan.pieces.iter().filter(|piece| piece.is_sampled).copied().collect();
        let sampling_started = Instant::now();
        let tokens = self.sample(&plan, &sampled, hidden.as_ref(), decoder);
        decoder.store().verify().map_err(RolloutError::Ranks)?;
        let sampling = sampling_started.elapsed();
        finished.extend(self.take_in(&sampled, tokens, policy_version));
        let spent = started.elapsed();
        self.work.scheduling += spent.saturating_sub(pass + sampling);
        self.count(&plan, sampled.len(), spent);
        Ok(finished)
    }

    /// Settles how many blocks the cache may have, with the first pass: the memory that is free is then known, and all
    /// ranks that have a share of the model can agree on the smallest number. Returns the number, and the requests that
    /// turn out too long for it.
    fn size_cache(&mut self, decoder: &Decoder) -> Result<(usize, Vec<Finished>), RolloutError> {
        if let Some(most_blocks) = self.most_blocks {
            return Ok((most_blocks, Vec::new()));
        }
        let of_sequence = blocks_of(self.config.max_position_embeddings as usize);
        let fitting = fitting_blocks(&self.local, self.placement, self.num_processes);
        let fitting = fitting.unwrap_or(UNKNOWN_TOKENS / BLOCK_TOKENS);
        let mut most_blocks = fitting.clamp(1, self.options.max_sequences * of_sequence);
        if let Some(tensor) = decoder.store().tensor() {
            let smallest = tensor.group().reduced(&Tensor::from_slice(&[most_blocks as i64]), Reduction::Min);
            decoder.store().verify().map_err(RolloutError::Ranks)?;
            most_blocks = smallest.int64_value(&[0]) as usize;
        }
        self.most_blocks = Some(most_blocks);
        self.scheduler.reset_blocks(most_blocks);
        for (sequence, most_tokens) in self.scheduler.waiting_mut() {
            *most_tokens = sequence.bound(most_blocks * BLOCK_TOKENS);
        }
        let refused = self.scheduler.refuse(|sequence| blocks_of(sequence.most_tokens()) > most_blocks);
        let refusal = |sequence: ActiveSequence| {
            let result = check_room(sequence.request.name(), sequence.most_tokens(), most_blocks);
            result.err().map(|error| Finished { request: sequence.id, result: Err(error) })
        };
        Ok((most_blocks, refused.into_iter().filter_map(refusal).collect()))
    }

    /// Computes what is planned. Returns hidden states `[tokens, hidden]`, unless `cores` keeps them, and the pass's
    /// time.
    fn compute(&mut self, plan: &PassPlan, decoder: &Decoder) -> (Option<Tensor>, Duration) {
        let started = Instant::now();
        let running = self.scheduler.running();
        let (mut ids, mut positions) = (Vec::<i64>::new(), Vec::<i64>::new());
        for &PassPiece { index, start, num_tokens, .. } in &plan.pieces {
            ids.extend(running[index].ids[start..start + num_tokens].iter().map(|&id| i64::from(id)));
            positions.extend((start..start + num_tokens).map(|position| position as i64));
        }
        let cached = |&PassPiece { index, start, num_tokens, num_cached, .. }: &PassPiece| CachedPiece {
            table: &running[index].table,
            start,
            num_tokens,
            num_cached,
        };
        let pieces: Vec<CachedPiece<'_>> = plan.pieces.iter().map(cached).collect();
        let upload = |values: &[i64]| Tensor::from_slice(values).to_device(decoder.device());
        let (ids, positions) = (upload(&ids), upload(&positions));
        if let (KvTensors::Cores(store), Some((_, VersionWeights::Kernels(weights)))) =
            (&mut self.tensors, &self.packed)
        {
            let means = PassMeans { weights, store, threads: &self.threads, eps: self.config.rms_norm_eps as f32 };
            let (embedded, rotary) = (decoder.embed(&ids), decoder.rotary(&positions));
            self.cores.compute(means, &CoresRows::of(&pieces), &embedded, &rotary, &mut self.work);
            return (None, started.elapsed());
        }
        let mut attention = CachedAttention::new(&mut self.tensors, &pieces, self.placement, &self.threads);
        let products = product_time();
        let chains = chains(self.packed.as_ref());
        let hidden = decoder.hidden_by(chains, &ids, &positions, &mut attention); // [tokens, hidden]
        self.work.attention += attention.spent();
        self.work.products += product_time() - products;
        (Some(hidden), started.elapsed())
    }

    /// Samples one token for each of these pieces, from the hidden states that are given or that `cores` keeps: one
    /// upload, one download where all share their parameters.
    fn sample(
        &mut self,
        plan: &PassPlan,
        sampled: &[PassPiece],
        hidden: Option<&Tensor>,
        decoder: &Decoder,
    ) -> Vec<SampledToken> {
        if sampled.is_empty() {
            return Vec::new();
        }
        let started = Instant::now();
        let running = self.scheduler.running();
        let draws: Vec<TokenDraw<'_>> = sampled.iter().map(|piece| running[piece.index].sequence.next_draw()).collect();
        let ends = plan.pieces.iter().scan(0, |end, piece| {
            *end += piece.num_tokens;
            Some((piece.is_sampled, *end - 1))
        });
        let last: Vec<usize> = ends.filter(|(is_sampled, _)| *is_sampled).map(|(_, row)| row).collect();
        let prepared = started.elapsed();
        let (tokens, head) = match (hidden, &self.packed) {
            (None, Some((_, VersionWeights::Kernels(weights)))) => {
                let logits = self.cores.logits(weights, &last, &self.threads);
                let head = started.elapsed() - prepared;
                (draw_rows(&draws, logits, &self.threads), head)
            }
            (hidden, packed) => {
                let hidden = hidden.expect("hidden states where no packed weights are");
                let rows: Vec<i64> = last.into_iter().map(|row| row as i64).collect();
                let is_whole = rows.len() as i64 == hidden.size()[0];
                let rows = (!is_whole).then(|| Tensor::from_slice(&rows).to_device(decoder.device()));
                let logits = match rows {
                    None => decoder.logits_by(chains(packed.as_ref()), hidden),
                    Some(rows) => decoder.logits_by(chains(packed.as_ref()), &hidden.index_select(0, &rows)),
                };
                let head = started.elapsed() - prepared;
                (draw_tokens(&draws, &logits, decoder.store().tensor(), &self.threads), head)
            }
        };
        self.work.head += head;
        self.work.sampling += started.elapsed() - head;
        tokens
    }

    /// Takes the sampled tokens in, one for each piece. Sequences that end with them leave, and those that end a turn
    /// step aside.
    fn take_in(&mut self, sampled: &[PassPiece], tokens: Vec<SampledToken>, policy_version: u64) -> Vec<Finished> {
        let mut ended = Vec::new();
        for (piece, token) in sampled.iter().zip(tokens) {
            let id = token.id;
            let sequence = self.scheduler.sequence_mut(piece.index);
            match sequence.push(token, policy_version, &self.texts.tokenizer) {
                Ok(Pushed::GoesOn(forced_ids)) => {
                    self.stats.num_forced_tokens += forced_ids.len();
                    self.scheduler.append(piece.index, id);
                    forced_ids.into_iter().for_each(|id| self.scheduler.append(piece.index, id));
                }
                Ok(Pushed::EndsTurn(turn)) => {
                    self.scheduler.append(piece.index, id);
                    self.turns.push(turn);
                    ended.push((piece.index, None));
                }
                Ok(Pushed::Ends(reason)) => ended.push((piece.index, Some(Ok(reason)))),
                Err(error) => ended.push((piece.index, Some(Err(error)))),
            }
        }
        let mut finished = Vec::with_capacity(ended.len());
        for (index, reason) in ended.into_iter().rev() {
            let Some(reason) = reason else {
                self.scheduler.end_turn(index);
                continue;
            };
            let sequence = if reason.is_ok() { self.scheduler.end(index) } else { self.scheduler.end_broken(index) };
            let request = sequence.id;
            let result = reason.and_then(|reason| sequence.finish(reason, &self.texts.tokenizer));
            self.stats.num_completions += usize::from(result.is_ok());
            finished.push(Finished { request, result });
        }
        finished.reverse();
        finished
    }

    /// Counts a pass that took so long and sampled so many tokens.
    fn count(&mut self, plan: &PassPlan, num_sampled: usize, spent: Duration) {
        let num_tokens: usize = plan.pieces.iter().map(|piece| piece.num_tokens).sum();
        let num_ahead = num_tokens - num_sampled;
        let seconds = spent.as_secs_f64();
        let prefill_seconds = seconds * num_ahead as f64 / num_tokens as f64;
        self.stats.prefill_seconds += prefill_seconds;
        self.stats.decode_seconds += seconds - prefill_seconds;
        self.stats.num_prefill_tokens += num_ahead;
        self.stats.num_prefills += usize::from(num_ahead > 0);
        self.stats.num_decode_steps += usize::from(num_sampled > 0);
        self.stats.num_sequence_steps += num_sampled;
        self.stats.num_completion_tokens += num_sampled;
        *self.work.passes.entry(num_tokens).or_default() += 1;
        if num_sampled > 0 {
            *self.work.sampling_passes.entry(num_sampled).or_default() += 1;
        }
        self.work.num_attended += plan.num_attended;
    }
}

mod carrying;
mod turns;

/// The packed matrices of an exact decoder, where there are any.
fn chains(packed: Option<&(u64, VersionWeights)>) -> Option<&ChainWeights> {
    match packed {
        Some((_, VersionWeights::Chains(chains))) => Some(chains),
        _ => None,
    }
}

/// # Errors
/// So many tokens do not fit so many blocks.
fn check_room(request: RequestName, num_tokens: usize, most_blocks: usize) -> Result<(), RolloutError> {
    if blocks_of(num_tokens) <= most_blocks {
        return Ok(());
    }
    let [num_tokens, cache_tokens] = [blocks_of(num_tokens), most_blocks].map(|blocks| blocks * BLOCK_TOKENS);
    Err(RolloutError::CacheTooSmall { request, num_tokens, cache_tokens })
}
