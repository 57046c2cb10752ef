//! Memory of one GPU by part.
//!
//! With `P` the numbers that a rank holds of the weights (each part over `tensor`, cut into `shard` pieces) and `w` the
//! bytes of a number:
//!
//! | part | bytes | there |
//! | --- | --- | --- |
//! | weights | `w P` | always |
//! | optimizer | `8 P`: two float32 moments; `12 P` with the float32 master of shorter weights | always |
//! | optimizer on the host | of these two pieces under way, 16 MiB for each float32 of a number | in an update |
//! | reference, reward model | `w P`, frozen | always |
//! | critic | `w P` and its optimizer, without a language model's head | always |
//! | sampling weights | `w` of the whole weights over `tensor`, where they are cut | always |
//! | gradients | `4 P`, from the first micro-batch to the optimizer's step | in an update |
//! | activations, moved | see `moments.rs` | in an update |
//! | cache | `2 w` layers x key heads x head_dim a token; on a GPU a layer twice, gathered to be read | in sampling |
//!
//! A policy is loaded part by part. A critic and a reward model are loaded whole on each rank, not even cut over
//! `tensor`, and the whole stays until all of it is cut: the moment `loading`, beside all that is made before.
//!
//! Of the cache the tokens are counted that it may hold: those of every sequence that an engine samples, at its
//! longest, for what has ended stays as long as there is room; or as many as the cache is allowed. One that takes what
//! is free counts as one for the sequences that run at once.
//!
//! The sampling weights are filled part by part: beside both layouts there are two blocks, or the embedding. Moments
//! and master are allocated with the model; gradients are dropped after each update, and the cache before it.

use serde::Serialize;

use crate::axes::Axes;
use crate::bytes::GIB;
use crate::model::ModelSizes;
use crate::moments::moments;
use crate::work::{Completions, Place, Work};

/// Bytes of a GPU that are no tensor: the CUDA context with its kernels, workspaces of cuBLAS, buffers of NCCL. An
/// assumption.
pub const LIBRARIES: u64 = 2 * GIB;

/// Share of the tensors' bytes that an allocator loses to rounding and fragments. An assumption.
pub const ALLOCATOR_SHARE: f64 = 0.05;

/// Bytes of one float32 of the numbers of a piece of an optimizer's state that is on its way from the host or back; two
/// are under way, one that comes and one that is computed with.
const PIECE: u64 = 16 << 20;

/// Tokens of a block of the cache.
const BLOCK_TOKENS: u64 = 16;

/// Float32 numbers of the vocabulary for each sequence while a token is sampled: logits, and what becomes of them.
const SAMPLED: u64 = 4;

/// Bytes of one GPU by part. `update` and `sampling` are what is there at the worst moment of each; `largest` is the
/// largest of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)] // the parts are those of the table above
pub struct Memory {
    pub weights: u64,
    pub optimizer: u64,
    pub reference: u64,
    pub critic: u64,
    pub reward_model: u64,
    pub sampling_weights: u64,
    pub packed_weights: u64,
    pub gradients: u64,
    pub activations: u64,
    pub moved: u64,
    pub cache: u64,
    pub sampling_activations: u64,
    pub sampling_moved: u64,
    /// What is no tensor, and what the allocator loses.
    pub slack: u64,
    /// Bytes of the host's memory, page-locked, for each of its GPUs: optimizer state that lies there.
    pub on_host: u64,
    pub update: u64,
    pub sampling: u64,
    /// What is there while a critic or a reward model is loaded and cut; 0 where there is none, or a single rank.
    pub loading: u64,
    pub largest: u64,
    /// The moment of the update's walk in which most is held.
    #[serde(skip)]
    pub moment: &'static str,
}

impl Memory {
    /// Bytes that stay from step to step.
    pub fn held(&self) -> u64 {
        self.weights + self.optimizer + self.reference + self.critic + self.reward_model + self.sampling_weights
    }
}

/// Memory of one GPU of a layout.
pub fn memory(model: &ModelSizes, axes: &Axes, work: &Work) -> Memory {
    let Axes { shard, tensor, .. } = *axes;
    let w = work.number_bytes;
    let has_head = work.head != crate::work::HeadWork::Scalar;
    let piece = model.piece(tensor, shard, has_head);
    let is_away = |on_host: bool| on_host && work.place == Place::Gpu;
    let state = |piece: u64, on_host: bool| State::of(work.state_bytes(), piece, is_away(on_host));
    let optimizer = state(piece, work.state_on_host);
    let critic_piece = model.piece(tensor, shard, false);
    let of_critic = work.critic.map(|critic| state(critic_piece, critic.state_on_host));
    let worst = moments(model, axes, work).into_iter().max_by_key(|moment| moment.activations + moment.moved);
    let (moment, activations, moved) = worst.map_or(("", 0, 0), |it| (it.name, it.activations, it.moved));
    let mut memory = Memory {
        weights: w * piece,
        optimizer: optimizer.on_gpu,
        reference: if work.has_reference { w * piece } else { 0 },
        critic: of_critic.map_or(0, |state| w * critic_piece + state.on_gpu),
        reward_model: work.reward_model.map_or(0, |sizes| w * sizes.piece(tensor, shard, false)),
        sampling_weights: 0,
        packed_weights: 0,
        gradients: 4 * piece,
        activations,
        moved,
        cache: 0,
        sampling_activations: 0,
        sampling_moved: 0,
        slack: 0,
        on_host: optimizer.on_host + of_critic.map_or(0, |state| state.on_host),
        update: 0,
        sampling: 0,
        loading: 0,
        largest: 0,
        moment,
    };
    if let Some(completions) = &work.completions {
        if axes.is_cut() {
            memory.sampling_weights = w * model.piece(tensor, 1, true);
            memory.sampling_moved = w * (2 * model.block(tensor)).max(model.embedding(tensor));
        }
        if completions.packs_weights && axes.tensor == 1 && !axes.is_cut() {
            memory.packed_weights = w * piece;
        }
        let tokens = cached_tokens(axes, work, completions);
        let layer = w * model.cached_token(tensor) / model.blocks;
        memory.cache = tokens * layer * (model.blocks + u64::from(work.place == Place::Gpu));
        memory.sampling_activations = sampling_activations(model, axes, work, completions);
    }
    let update = memory.held() + memory.gradients + activations + moved;
    let sampling = match work.completions {
        Some(_) => {
            let cache = memory.cache + memory.packed_weights;
            memory.held() + cache + memory.sampling_activations + memory.sampling_moved
        }
        None => 0,
    };
    let loading = if axes.num_ranks() > 1 { loading(model, work, &memory, critic_piece) } else { 0 };
    memory.slack = match work.place {
        Place::Cpu => 0,
        Place::Gpu => LIBRARIES + (update.max(sampling).max(loading) as f64 * ALLOCATOR_SHARE) as u64,
    };
    memory.update = update + memory.slack;
    memory.sampling = if sampling > 0 { sampling + memory.slack } else { 0 };
    memory.loading = if loading > 0 { loading + memory.slack } else { 0 };
    memory.largest = memory.update.max(memory.sampling).max(memory.loading);
    memory
}

/// Where the bytes of an optimizer's state lie.
#[derive(Clone, Copy)]
struct State {
    on_gpu: u64,
    on_host: u64,
}

impl State {
    /// Of so many numbers with `bytes` of state each; `is_away`: on the host, but for the pieces under way.
    fn of(bytes: u64, numbers: u64, is_away: bool) -> Self {
        let all = bytes * numbers;
        if !is_away {
            return Self { on_gpu: all, on_host: 0 };
        }
        Self { on_gpu: all.min(2 * PIECE * bytes / 4), on_host: all }
    }
}

/// The larger of what is held while a critic is loaded whole and cut, and while a reward model is, in this order.
fn loading(model: &ModelSizes, work: &Work, memory: &Memory, critic_piece: u64) -> u64 {
    let w = work.number_bytes;
    let whole = |sizes: &ModelSizes| w * sizes.piece(1, 1, false);
    let critic = work.critic.map_or(0, |_| {
        // Its optimizer comes later.
        memory.weights + memory.optimizer + memory.reference + w * critic_piece + whole(model)
    });
    let reward_model = work.reward_model.map_or(0, |sizes| memory.held() + whole(&sizes));
    critic.max(reward_model)
}

/// Sequences that one engine runs at once, when all are at their longest.
pub(crate) fn in_flight(axes: &Axes, work: &Work, completions: &Completions) -> u64 {
    let of_engine = work.sequences.div_ceil(axes.num_engines());
    let fitting = completions.cache_tokens.map_or(u64::MAX, |tokens| tokens / in_blocks(work.longest));
    of_engine.min(completions.max_sequences).min(fitting).max(1)
}

/// Tokens of the blocks that hold so many.
fn in_blocks(tokens: u64) -> u64 {
    tokens.next_multiple_of(BLOCK_TOKENS)
}

/// Tokens that the cache of one engine comes to hold in a step or an evaluation.
fn cached_tokens(axes: &Axes, work: &Work, completions: &Completions) -> u64 {
    let Completions { max_rounds, longest_evaluated, max_sequences, cache_tokens, .. } = *completions;
    let of_engine = work.sequences.div_ceil(axes.num_engines());
    let Some(most) = cache_tokens else {
        let in_step = of_engine.min(max_sequences) * in_blocks(work.longest);
        return in_step.max(max_sequences * in_blocks(longest_evaluated));
    };
    let most = most / BLOCK_TOKENS * BLOCK_TOKENS;
    // Nobody says how many sequences an evaluation has.
    if longest_evaluated > 0 { most } else { most.min(of_engine * max_rounds * in_blocks(work.longest)) }
}

/// The larger of a prefill's states and of what the sampler makes of the logits.
fn sampling_activations(model: &ModelSizes, axes: &Axes, work: &Work, completions: &Completions) -> u64 {
    let w = work.number_bytes;
    let rows = work.sequences.div_ceil(axes.num_engines()).min(completions.max_sequences).max(1);
    let prefill = completions.prefill_tokens + rows;
    let tensor = axes.tensor;
    let attention = 2 * model.query(tensor) + 2 * model.key(tensor);
    let states = 4 * model.hidden + 4 * model.intermediate.div_ceil(tensor) + attention;
    let head = if work.place == Place::Cpu && w != 4 { 4 * model.head(tensor) } else { 0 };
    (prefill * states * w).max(rows * model.vocab * 4 * SAMPLED + head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::QWEN_32B;
    use crate::work::Critic;

    const SAMPLES: Completions = Completions {
        samples: 16,
        new_tokens: 15_360,
        max_rounds: 1,
        longest_evaluated: 0,
        max_sequences: 16,
        cache_tokens: Some(16 * 16_384),
        prefill_tokens: 4096,
        packs_weights: false,
    };

    fn work() -> Work {
        Work {
            sequences: 4096,
            prompt_tokens: 1024,
            longest: 16_384,
            completions: Some(SAMPLES),
            ..Work::update_of(16_384)
        }
    }

    #[test]
    fn parts_by_hand() {
        let axes = Axes { replicate: 1, shard: 2, context: 1, tensor: 8 };
        let needed = memory(&QWEN_32B, &axes, &work());
        let piece = QWEN_32B.piece(8, 2, true);
        assert_eq!((needed.weights, needed.optimizer, needed.gradients), (2 * piece, 12 * piece, 4 * piece));
        assert_eq!(needed.sampling_weights, 2 * QWEN_32B.piece(8, 1, true));
        // 16 sequences of 16384 tokens; a token takes 256 KiB over 8 ranks. One layer of 64 is there twice.
        assert_eq!(needed.cache, 16 * 16_384 * (256 * 1024 / 8) / 64 * 65);
        // Inputs of 64 blocks at least.
        assert!(needed.activations > 64 * 16_384 * 5120 * 2);
        let total = needed.held() + needed.gradients + needed.activations + needed.moved + needed.slack;
        assert_eq!(needed.update, total);
    }

    #[test]
    fn a_state_on_the_host_leaves_two_pieces_on_the_gpu() {
        let axes = Axes { shard: 16, ..Axes::ONE };
        let critic = |state_on_host| Some(Critic { updates: 1, state_on_host });
        let here = memory(&QWEN_32B, &axes, &Work { critic: critic(false), ..work() });
        let away = Work { state_on_host: true, critic: critic(true), ..work() };
        let there = memory(&QWEN_32B, &axes, &away);
        // Mean, square and master of 4 Mi numbers, twice.
        let pieces = 2 * 3 * (16 << 20);
        assert_eq!((there.optimizer, here.on_host), (pieces, 0));
        assert_eq!(there.on_host, here.optimizer + 12 * QWEN_32B.piece(1, 16, false));
        assert_eq!(here.held() - there.held(), there.on_host - 2 * pieces);
        // On a CPU there is one memory.
        let on_cpu = memory(&QWEN_32B, &axes, &Work { place: Place::Cpu, ..away });
        assert_eq!((on_cpu.optimizer, on_cpu.on_host), (here.optimizer, 0));
    }

    #[test]
    fn the_cache_holds_what_is_sampled_as_far_as_it_may() {
        let axes = Axes { replicate: 1, shard: 2, context: 1, tensor: 8 };
        let tokens = |longest_evaluated, cache_tokens, sequences| {
            let completions = Completions { longest_evaluated, cache_tokens, ..SAMPLES };
            cached_tokens(&axes, &Work { sequences, ..work() }, &completions)
        };
        // Two engines. What is sampled stays, but not more than may.
        assert_eq!(tokens(0, Some(1 << 20), 4096), 1 << 20);
        assert_eq!(tokens(0, Some((1 << 20) + 15), 4096), 1 << 20);
        assert_eq!(tokens(0, Some(1 << 20), 8), 4 * 16_384);
        assert_eq!(tokens(20, Some(1 << 20), 8), 1 << 20, "an evaluation may have any number of sequences");
        // One of any size is there for 16 sequences at once.
        assert_eq!(tokens(0, None, 4096), 16 * 16_384);
        assert_eq!(tokens(32_768, None, 8), 16 * 32_768);
    }

    #[test]
    fn packed_weights_stand_beside_the_cache() {
        let sampling = |packs_weights, axes| {
            let completions = Completions { packs_weights, ..SAMPLES };
            let work = Work { completions: Some(completions), place: Place::Cpu, number_bytes: 4, ..work() };
            memory(&QWEN_32B, axes, &work).sampling
        };
        assert_eq!(sampling(true, &Axes::ONE) - sampling(false, &Axes::ONE), 4 * QWEN_32B.piece(1, 1, true));
        let cut = Axes { shard: 2, ..Axes::ONE };
        assert_eq!(sampling(true, &cut), sampling(false, &cut));
    }

    #[test]
    fn what_stands_beside_the_policy_counts() {
        let axes = Axes { replicate: 1, shard: 16, context: 1, tensor: 1 };
        let plain = memory(&QWEN_32B, &axes, &work());
        let with = Work {
            has_reference: true,
            critic: Some(Critic { updates: 1, state_on_host: false }),
            reward_model: Some(QWEN_32B),
            ..work()
        };
        let with = memory(&QWEN_32B, &axes, &with);
        assert_eq!(with.reference, plain.weights);
        assert_eq!(with.critic, 14 * QWEN_32B.piece(1, 16, false));
        let whole = 2 * QWEN_32B.piece(1, 1, false);
        assert_eq!(with.loading, with.held() + whole + with.slack);
        assert_eq!(plain.loading, 0);
        assert_eq!(with.held() - plain.held(), with.reference + with.critic + with.reward_model);
    }

    #[test]
    fn other_models_are_loaded_whole_however_they_are_cut() {
        let whole = 2 * QWEN_32B.piece(1, 1, false);
        let critic = Work { critic: Some(Critic { updates: 1, state_on_host: false }), ..work() };
        let reward_model = Work { reward_model: Some(QWEN_32B), ..work() };
        for axes in [Axes { shard: 16, ..Axes::ONE }, Axes { shard: 4, tensor: 8, ..Axes::ONE }] {
            let needed = memory(&QWEN_32B, &axes, &reward_model);
            assert_eq!(needed.loading, needed.held() + whole + needed.slack, "{axes}");
            // A critic's optimizer is not there yet, nor are the weights to sample from.
            let needed = memory(&QWEN_32B, &axes, &critic);
            let cut = 2 * QWEN_32B.piece(axes.tensor, axes.shard, false);
            let loading = needed.weights + needed.optimizer + cut + whole + needed.slack;
            assert_eq!(needed.loading, loading, "{axes}");
        }
        assert_eq!(memory(&QWEN_32B, &Axes::ONE, &critic).loading, 0);
    }

    #[test]
    fn float32_has_no_master_and_a_process_by_itself_moves_nothing() {
        let work = Work { number_bytes: 4, completions: Some(SAMPLES), ..Work::update_of(1024) };
        let needed = memory(&QWEN_32B, &Axes::ONE, &work);
        assert_eq!(needed.optimizer, 2 * needed.weights);
        assert_eq!((needed.sampling_weights, needed.sampling_moved), (0, 0));
        let block = QWEN_32B.block(1) * 4;
        assert!(needed.moved <= block, "{} of {block}", needed.moved);
    }

    #[test]
    fn more_of_any_axis_never_takes_more_for_the_state() {
        for (axes, other) in [
            (
                Axes { replicate: 1, shard: 4, context: 1, tensor: 1 },
                Axes { replicate: 1, shard: 8, context: 1, tensor: 1 },
            ),
            (
                Axes { replicate: 1, shard: 4, context: 1, tensor: 1 },
                Axes { replicate: 1, shard: 4, context: 1, tensor: 2 },
            ),
            (
                Axes { replicate: 1, shard: 4, context: 1, tensor: 1 },
                Axes { replicate: 1, shard: 4, context: 2, tensor: 1 },
            ),
        ] {
            let (few, many) = (memory(&QWEN_32B, &axes, &work()), memory(&QWEN_32B, &other, &work()));
            assert!(many.held() <= few.held() && many.update < few.update, "{axes} {other}");
        }
    }

    #[test]
    fn a_whole_graph_takes_more_than_inputs() {
        let axes = Axes { replicate: 1, shard: 16, context: 1, tensor: 1 };
        let whole = memory(&QWEN_32B, &axes, &Work { recomputes: false, ..work() });
        let streamed = memory(&QWEN_32B, &axes, &work());
        assert!(whole.activations > 10 * streamed.activations);
    }
}
