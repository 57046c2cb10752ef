//! Seconds of one step by part.
//!
//! - **Sampling.** A token for each of `n` sequences takes the longer of two: to read the weights and the cache of `n`
//!   sequences at their longest, and to compute `2 P n` operations; beside it the launches, and two
//!   reductions a block over the tensor axis. There are as many such steps as an engine's tokens over `n`, and as the
//!   longest completion has tokens at least: at the end few sequences are left. Each prompt is computed once.
//! - **Scoring.** Forward passes of the old policy, the reference, the critic and the reward model over the sequences
//!   that need them.
//! - **Update.** A forward pass, twice as much for the way back, and a third pass through the blocks where they are
//!   computed again. A causal token attends to half of its sequence.
//!   Norms, activations and softmaxes go through memory, where a rate says how often. So do gradients and the
//!   optimizer's numbers: AdamW touches 25 float32 of a weight, norm and clipping 3, a micro-batch's gradient 4. State
//!   that lies on the host comes and goes once an update, in one stream beside the optimizer's computing.
//! - **Moving.** The whole weights to those who sample, where they are cut.
//!
//! Between ranks, of each micro-batch: a cut block is gathered for each of its passes while the one before computes, so
//! that only what computing does not cover counts; its gradient, float32, is reduced in the open. Replicas sum their
//! pieces once an update. The tensor axis reduces a block's states twice a pass. The context axis exchanges queries,
//! keys and values of a stretch of tokens for all tokens of a share of the heads, and attention's results back
//! (Ulysses, arXiv 2309.14509), with copies of key-value heads where there are fewer than ranks. An axis whose group
//! lies within a host has the host's links. Verdicts, which overlap with sampling, are not counted, nor evaluations and
//! checkpoints.

use serde::Serialize;

use crate::axes::Axes;
use crate::memory::in_flight;
use crate::model::ModelSizes;
use crate::moments::kept_by_block;
use crate::rates::Rates;
use crate::work::{Completions, Critic, HeadWork, Place, Work};

/// Bytes of memory that the optimizer's step moves for each of a rank's numbers: see the list above.
const STEP_BYTES: f64 = 28.0 * 4.0;
/// Bytes that a micro-batch's gradient moves for each number: written, read, and added to a sum.
const GRADIENT_BYTES: f64 = 4.0 * 4.0;

/// Seconds of one step by part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Seconds {
    /// Completions.
    pub sampling: f64,
    /// Forward passes before the update.
    pub scoring: f64,
    /// Forward and backward passes, sums over ranks, optimizer.
    pub update: f64,
    /// Weights to those who sample.
    pub moving: f64,
    /// All of it.
    pub total: f64,
}

/// Bytes a second into a rank from the others of each axis.
struct Links {
    replicate: f64,
    shard: f64,
    context: f64,
    tensor: f64,
}

impl Links {
    fn of(axes: &Axes, rates: &Rates, per_host: u64) -> Self {
        let [replicate, shard, context, tensor] = axes.spans().map(|span| {
            let is_within = span <= per_host && per_host.is_multiple_of(span);
            if is_within { rates.within_host_bytes_per_second } else { rates.between_hosts_bytes_per_second }
        });
        Self { replicate, shard, context, tensor }
    }
}

/// What the seconds of a step depend on.
struct Step<'a> {
    model: &'a ModelSizes,
    axes: &'a Axes,
    work: &'a Work,
    rates: &'a Rates,
    links: Links,
    /// Tokens of a sequence on average, its prompt too.
    mean_tokens: f64,
}

/// Seconds of a step on a layout, with `per_host` GPUs on each host.
pub fn step_seconds(model: &ModelSizes, axes: &Axes, work: &Work, rates: &Rates, per_host: u64) -> Seconds {
    let mean_tokens = match work.completions {
        Some(completions) => work.prompt_tokens as f64 + rates.mean_completion * completions.new_tokens as f64,
        None => work.longest as f64 * rates.mean_completion,
    };
    let step = Step { model, axes, work, rates, links: Links::of(axes, rates, per_host), mean_tokens };
    let mut seconds = Seconds {
        sampling: work.completions.map_or(0.0, |completions| step.sampling(&completions)),
        scoring: step.scoring(),
        update: step.update(),
        moving: if work.completions.is_some() { step.moving() } else { 0.0 },
        total: 0.0,
    };
    seconds.total = seconds.sampling + seconds.scoring + seconds.update + seconds.moving;
    seconds
}

/// Seconds of the updates of a step in which every sequence has the longest's length, on one host.
pub fn update_seconds(model: &ModelSizes, axes: &Axes, work: &Work, rates: &Rates) -> f64 {
    let rates = Rates { mean_completion: 1.0, ..rates.clone() };
    step_seconds(model, axes, work, &rates, axes.num_ranks()).update
}

/// Share of its group's bytes that a rank of `length` has from the others.
fn from_others(length: u64) -> f64 {
    (length - 1) as f64 / length as f64
}

impl Step<'_> {
    fn w(&self) -> f64 {
        self.work.number_bytes as f64
    }

    /// Operations of a forward pass of `sequences` sequences through the blocks, and through the head.
    fn forward(&self, model: &ModelSizes, sequences: f64) -> (f64, f64) {
        let tokens = sequences * self.mean_tokens;
        let pairs = tokens * (self.mean_tokens + 1.0) / 2.0;
        let blocks = tokens * model.token_operations() + pairs * model.pair_operations();
        let head = match self.work.head {
            HeadWork::Language { .. } => {
                let targets = self.mean_tokens - self.work.prompt_tokens as f64;
                sequences * targets.max(0.0) * model.target_operations()
            }
            HeadWork::Scalar => 0.0,
        };
        (blocks, head)
    }

    fn computed(&self, operations: f64) -> f64 {
        let ranks = self.axes.num_ranks() as f64;
        operations / ranks / (self.rates.operations_per_second * self.rates.update_utilisation)
    }

    /// Seconds in which the states of `passes` passes over so many sequences go through memory.
    fn states(&self, model: &ModelSizes, sequences: f64, passes: f64, has_head: bool) -> f64 {
        let Axes { context, tensor, .. } = *self.axes;
        let tokens = sequences * self.mean_tokens / (self.axes.num_data() * context) as f64;
        let blocks = (model.blocks * kept_by_block(model, tensor, self.work)) as f64;
        let targets = (1.0 - self.work.prompt_tokens as f64 / self.mean_tokens).max(0.0);
        let is_language = has_head && self.work.head != HeadWork::Scalar;
        let logits = if is_language { targets * 4.0 * model.vocab.div_ceil(tensor) as f64 } else { 0.0 };
        tokens * (passes * blocks + logits) * self.rates.state_accesses / self.memory_rate()
    }

    fn memory_rate(&self) -> f64 {
        self.rates.memory_bytes_per_second * self.rates.memory_utilisation
    }

    /// Passes of micro-batches through the blocks on one rank, for so many sequences of all.
    fn num_micro_batches(&self, sequences: f64) -> f64 {
        let of_rank = sequences / self.axes.num_data() as f64 * self.mean_tokens;
        let at_once = self.work.micro_batch_tokens.max(self.mean_tokens as u64) as f64;
        (of_rank / at_once).ceil().max(1.0)
    }

    /// Seconds of `passes` passes of one micro-batch's blocks, whose computing takes `computing` in all, with what is
    /// gathered and exchanged for them.
    fn blocks(&self, model: &ModelSizes, passes: f64, gathers: f64, computing: f64, micro_batches: f64) -> f64 {
        let Axes { shard, context, tensor, .. } = *self.axes;
        let num_blocks = model.blocks as f64;
        let (w, rates) = (self.w(), self.rates);
        let at_once = (self.work.micro_batch_tokens as f64).max(self.mean_tokens) / context as f64;
        let mut exposed = 0.0;
        if tensor > 1 {
            let bytes = 2.0 * from_others(tensor) * at_once * model.hidden as f64 * w;
            exposed += passes * num_blocks * 2.0 * (bytes / self.links.tensor + rates.link_seconds);
        }
        if context > 1 {
            let key = model.local_kv_heads(tensor).max(context) * model.head_dim;
            let numbers = (2 * model.query(tensor) + 2 * key) as f64 * from_others(context);
            let exchanges = numbers * at_once * w / self.links.context + 2.0 * rates.link_seconds;
            exposed += passes * num_blocks * exchanges;
        }
        let mut gathered = 0.0;
        if shard > 1 {
            let bytes = w * model.block(tensor) as f64 * from_others(shard);
            gathered = gathers * num_blocks * (bytes / self.links.shard + rates.link_seconds);
            let ends = w * (model.embedding(tensor) + model.hidden) as f64 * from_others(shard);
            exposed += ends / self.links.shard;
        }
        computing + micro_batches * exposed + (micro_batches * gathered - computing).max(0.0)
    }

    fn sampling(&self, completions: &Completions) -> f64 {
        let Self { model, axes, work, rates, .. } = self;
        let draws = rates.draws_per_group.min(completions.max_rounds as f64).max(1.0);
        let of_engine = work.sequences as f64 * draws / axes.num_engines() as f64;
        let mean = rates.mean_completion * completions.new_tokens as f64;
        let most = in_flight(axes, work, completions) as f64;
        let num_steps = (of_engine * mean / most).max(completions.new_tokens as f64);
        let running = (of_engine * mean / num_steps).max(1.0);

        let tensor = axes.tensor;
        let read = self.w() * (model.piece(tensor, 1, true) - model.embedding(tensor)) as f64;
        let cached = running * work.longest as f64 * self.w() * model.cached_token(tensor) as f64;
        let reading = (read + cached) / self.memory_rate();
        let attention = model.pair_operations() * work.longest as f64;
        let operations = running * (model.token_operations() + model.target_operations() + attention) / tensor as f64;
        let computing = operations / (rates.operations_per_second * rates.sampling_utilisation);
        let launches = model.blocks as f64 * rates.launches_per_block * rates.launch_seconds;
        let reductions = if tensor > 1 {
            let bytes = 2.0 * from_others(tensor) * running * model.hidden as f64 * self.w();
            model.blocks as f64 * 2.0 * (bytes / self.links.tensor + rates.link_seconds)
        } else {
            0.0
        };
        let decoding = num_steps * (reading.max(computing) + launches + reductions);

        let prompts = of_engine / completions.samples as f64 * work.prompt_tokens as f64;
        let rate = rates.operations_per_second * rates.update_utilisation * tensor as f64;
        decoding + prompts * model.token_operations() / rate
    }

    fn scoring(&self) -> f64 {
        let work = self.work;
        let sequences = work.sequences as f64;
        let pass = |model: &ModelSizes, sequences: f64, has_head: bool| {
            if sequences == 0.0 {
                return 0.0;
            }
            let (blocks, head) = self.forward(model, sequences);
            let computing = self.computed(blocks + if has_head { head } else { 0.0 })
                + self.states(model, sequences, 1.0, has_head);
            self.blocks(model, 1.0, 1.0, computing, self.num_micro_batches(sequences))
        };
        let old = sequences * work.scored_updates as f64 / work.updates as f64;
        let critic = if work.critic.is_some() { sequences } else { 0.0 };
        let reference = if work.has_reference { sequences } else { 0.0 };
        pass(self.model, old, true)
            + pass(self.model, reference, true)
            + pass(self.model, critic, false)
            + work.reward_model.map_or(0.0, |sizes| pass(&sizes, sequences, false))
    }

    fn update(&self) -> f64 {
        let of_critic = |critic: Critic| self.updates(critic.updates, false, critic.state_on_host);
        self.updates(self.work.updates, true, self.work.state_on_host) + self.work.critic.map_or(0.0, of_critic)
    }

    /// Seconds of so many updates that go over a step's sequences once.
    fn updates(&self, updates: u64, has_head: bool, state_on_host: bool) -> f64 {
        let Self { model, axes, work, .. } = self;
        let Axes { replicate, shard, tensor, .. } = **axes;
        let sequences = work.sequences as f64 / updates as f64;
        let (blocks, head) = self.forward(model, sequences);
        let head = if has_head { head } else { 0.0 };
        let passes = if work.recomputes { 4.0 } else { 3.0 };
        let micro_batches = self.num_micro_batches(sequences);
        let computing = self.computed(passes * blocks + 3.0 * head) + self.states(model, sequences, passes, has_head);
        // A pass back is one more of reductions and exchanges; a block is gathered once for each walk.
        let mut seconds = self.blocks(model, passes - 1.0, 2.0, computing, micro_batches);
        let spread = from_others(shard);
        let parts: u64 = model.parts(tensor, has_head).sum();
        if shard > 1 {
            seconds += micro_batches * 4.0 * parts as f64 * spread / self.links.shard;
            if has_head {
                seconds += self.w() * model.head(tensor) as f64 * spread / self.links.shard;
            }
        }
        let piece = model.piece(tensor, shard, has_head) as f64;
        if replicate > 1 {
            seconds += 2.0 * from_others(replicate) * 4.0 * piece / self.links.replicate;
        }
        seconds += micro_batches * parts as f64 * GRADIENT_BYTES / self.memory_rate();
        let moved = match state_on_host && work.place == Place::Gpu {
            true => 2.0 * piece * work.state_bytes() as f64 / self.rates.host_bytes_per_second,
            false => 0.0,
        };
        seconds += moved.max(piece * STEP_BYTES / self.memory_rate());
        updates as f64 * seconds
    }

    fn moving(&self) -> f64 {
        let Axes { shard, tensor, .. } = *self.axes;
        if shard == 1 {
            return 0.0;
        }
        let parts = self.model.parts(tensor, true).count() as f64;
        let bytes = self.w() * self.model.piece(tensor, 1, true) as f64 * from_others(shard);
        bytes / self.links.shard + parts * self.rates.link_seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::QWEN_32B;
    use crate::rates::Measured;

    const TINY: ModelSizes = ModelSizes {
        vocab: 1000,
        hidden: 64,
        intermediate: 128,
        blocks: 4,
        heads: 4,
        kv_heads: 4,
        head_dim: 16,
        qkv_bias: false,
        qk_norm: false,
        tied: true,
    };

    fn machine(num_ranks: u64) -> Rates {
        let measured = Measured {
            operations_per_second: 1e9,
            copied_bytes_per_second: 1e15,
            exchanged_bytes_per_second: 1e15,
            exchange_seconds: 0.0,
            launch_seconds: 0.0,
        };
        Rates::measured(&measured, num_ranks, 1)
    }

    #[test]
    fn an_update_by_hand() {
        let work = Work {
            number_bytes: 4,
            place: Place::Cpu,
            sequences: 8,
            longest: 100,
            micro_batch_tokens: 400,
            recomputes: false,
            head: HeadWork::Scalar,
            ..Work::update_of(400)
        };
        // A block's matrices: q, k, v, o of 64 x 64, gate, up, down of 64 x 128; two operations a number and token. A
        // token sees 50.5 on average, with 4 x 64 operations for each.
        let matrices = 4.0 * (4.0 * 64.0 * 64.0 + 3.0 * 64.0 * 128.0);
        let forward = 8.0 * 100.0 * (2.0 * matrices + 4.0 * 4.0 * 64.0 * 50.5);
        let seconds = update_seconds(&TINY, &Axes::ONE, &work, &machine(1));
        assert!((seconds / (3.0 * forward / 1e9) - 1.0).abs() < 1e-3, "{seconds}");
        // A pass more where blocks are computed again; ranks that share one room are no faster.
        let again = update_seconds(&TINY, &Axes::ONE, &Work { recomputes: true, ..work }, &machine(1));
        assert!((again / seconds - 4.0 / 3.0).abs() < 1e-3);
        let two = Axes { shard: 2, ..Axes::ONE };
        let shared = update_seconds(&TINY, &two, &work, &machine(2));
        assert!((shared / seconds - 1.0).abs() < 1e-2, "{shared}");
    }

    #[test]
    fn links_between_ranks_take_their_time() {
        let work = Work { sequences: 8, longest: 100, ..Work::update_of(400) };
        let slow = Rates { within_host_bytes_per_second: 1e6, link_seconds: 0.0, ..Rates::default() };
        let two = Axes { replicate: 2, ..Axes::ONE };
        // All but the sum over two replicas is computed in no time: 4 bytes of each number, once there and once back.
        let seconds = update_seconds(&TINY, &two, &work, &slow);
        let bytes = 4.0 * TINY.num_parameters() as f64;
        assert!((seconds / (bytes / 1e6) - 1.0).abs() < 1e-3, "{seconds}");
        // Each of two shards receives half of what is reduced, and of each block and end that is gathered.
        let cut = update_seconds(&TINY, &Axes { shard: 2, ..Axes::ONE }, &work, &slow);
        let parts = TINY.num_parameters() as f64;
        let gathered = 2.0 * (2 * 4 * TINY.block(1) + 2 * TINY.embedding(1) + 64) as f64; // the head is the embedding
        let bytes = (4.0 * parts + gathered) / 2.0;
        assert!((cut / (bytes / 1e6) - 1.0).abs() < 1e-2, "{cut} {}", bytes / 1e6);
    }

    #[test]
    fn a_state_on_the_host_comes_and_goes_once_an_update() {
        let work = Work { sequences: 8, longest: 100, updates: 3, state_on_host: true, ..Work::update_of(400) };
        let slow = Rates { host_bytes_per_second: 1e6, link_seconds: 0.0, ..Rates::default() };
        let seconds = |work: &Work| update_seconds(&TINY, &Axes { shard: 2, ..Axes::ONE }, work, &slow);
        let bytes = 3.0 * 2.0 * 12.0 * TINY.piece(1, 2, true) as f64;
        assert!((seconds(&work) / (bytes / 1e6) - 1.0).abs() < 1e-2, "{} {bytes}", seconds(&work));
        assert!(seconds(&Work { state_on_host: false, ..work }) < 0.1);
    }

    #[test]
    fn a_context_axis_exchanges_tokens_for_heads() {
        // One micro-batch of 400 tokens, three passes (computed again, and back) through 4 blocks, 2 bytes a number.
        let work = Work { sequences: 4, longest: 100, ..Work::update_of(400) };
        let slow = Rates { within_host_bytes_per_second: 1e6, link_seconds: 0.0, ..Rates::default() };
        let seconds = |model: &ModelSizes, context| update_seconds(model, &Axes { context, ..Axes::ONE }, &work, &slow);
        for (kv_heads, context, keys) in [(4, 2, 4.0), (4, 4, 4.0), (2, 4, 4.0), (1, 2, 2.0)] {
            let model = ModelSizes { kv_heads, ..TINY };
            let of_token = (2.0 * 4.0 + 2.0 * keys) * 16.0 * (context - 1) as f64 / context as f64;
            let bytes = 3.0 * 4.0 * 2.0 * of_token * 400.0 / context as f64;
            let seconds = seconds(&model, context);
            assert!((seconds / (bytes / 1e6) - 1.0).abs() < 1e-2, "{kv_heads} {context}: {seconds}");
        }
    }

    #[test]
    fn sampling_is_bound_by_memory_and_more_engines_are_faster() {
        let completions = Completions {
            samples: 16,
            new_tokens: 16_384,
            max_rounds: 1,
            longest_evaluated: 0,
            max_sequences: 16,
            cache_tokens: Some(1 << 30),
            prefill_tokens: 4096,
            packs_weights: false,
        };
        let work = Work {
            sequences: 4096,
            prompt_tokens: 1024,
            longest: 17_408,
            completions: Some(completions),
            ..Work::update_of(17_408)
        };
        let seconds = |shard| {
            let axes = Axes { replicate: 1, shard, context: 1, tensor: 8 };
            step_seconds(&QWEN_32B, &axes, &work, &Rates::default(), 8)
        };
        let (few, many) = (seconds(2), seconds(32));
        assert!(few.sampling > 10.0 * many.sampling && few.update > 10.0 * many.update, "{few:?} {many:?}");
        assert!(few.moving > 0.0 && few.total > few.sampling);
        // A token of 16 sequences reads the weights of a rank at least.
        let weights = 2.0 * QWEN_32B.piece(8, 1, true) as f64 / (3.35e12 * 0.6);
        assert!(few.sampling > 128.0 * 8192.0 * weights);
    }
}
