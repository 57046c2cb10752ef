//! The least time of a run's own work: each of its products timed alone in the same process, with the weights of all
//! blocks in turn as a pass takes them, and the cache's bytes at the rate at which this machine reads memory. What a
//! run does beside (norms, sampling, scheduling, the arithmetic of attention) is taken for free. Where passes have many
//! sizes some are timed, and those between two of them are taken to lie on the line between.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::Result;
use policy::{Decoder, ModelConfig, Placement};
use progress::{Progress, Unit};
use rollout::{EngineWork, PackedWeights, PassProducts, Threads};
use tch::{Kind, Tensor};

use super::super::operations::wait;
use crate::interrupt::Interrupt;

/// Bytes that the machine is timed with: more than its caches hold.
const READ_BYTES: i64 = 256 << 20;
/// Least time for which something is timed, and least number of repeats.
const TIMED: Duration = Duration::from_millis(100);
const REPEATS: usize = 3;
/// Most sizes of passes that are timed: those of a workload of many lengths would take longer than the workload.
const MOST_SIZES: usize = 16;

/// Seconds at the least.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ceiling {
    /// The matrix products.
    pub(super) products: f64,
    /// Reading the cache.
    pub(super) cache: f64,
}

impl Ceiling {
    /// That of some work on a decoder, whose weights are multiplied by as the engine has them.
    ///
    /// # Errors
    /// The user interrupts.
    pub(super) fn of(
        work: &EngineWork,
        decoder: &Decoder,
        bytes_per_second: f64,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let heads = timed_sizes(work.sampling_passes.keys().copied().collect());
        let blocks = timed_sizes(work.passes.keys().copied().collect());
        let progress = Progress::aside("ceiling", Unit::Parts, Some((heads.len() + blocks.len()) as u64));
        let threads = Threads::new(usize::try_from(tch::get_num_threads()).unwrap_or(1));
        let packed = PackedWeights::of(decoder, &threads);
        let products = |rows| packed.as_ref().map(|packed| PassProducts::new(packed, rows, &threads));
        let timed = |sizes: Vec<usize>, seconds: fn(&Decoder, Option<PassProducts<'_>>, usize) -> f64| {
            let each = sizes.into_iter().map(|rows| {
                interrupt.check()?;
                let seconds = seconds(decoder, products(rows), rows);
                progress.advance(1);
                Ok((rows, seconds))
            });
            each.collect::<Result<BTreeMap<usize, f64>>>()
        };
        let (heads, blocks) = (timed(heads, head_seconds)?, timed(blocks, blocks_seconds)?);
        drop(progress);
        let sum = |passes: &BTreeMap<usize, usize>, timed: &BTreeMap<usize, f64>| -> f64 {
            passes.iter().map(|(rows, count)| *count as f64 * between(timed, *rows)).sum()
        };
        let products = sum(&work.sampling_passes, &heads) + sum(&work.passes, &blocks);
        let bytes = work.num_attended as f64 * bytes_per_token(decoder.config(), decoder.kind());
        Ok(Self { products, cache: bytes / bytes_per_second })
    }

    /// All together.
    pub(super) fn seconds(&self) -> f64 {
        self.products + self.cache
    }
}

/// The sizes that are timed of those that there are: all, or so many that grow by one factor, the smallest and the
/// largest among them.
fn timed_sizes(sizes: BTreeSet<usize>) -> Vec<usize> {
    let (Some(&smallest), Some(&largest)) = (sizes.first(), sizes.last()) else { return Vec::new() };
    if sizes.len() <= MOST_SIZES {
        return sizes.into_iter().collect();
    }
    let growth = largest as f64 / smallest as f64;
    let wanted =
        |place: usize| (smallest as f64 * growth.powf(place as f64 / (MOST_SIZES - 1) as f64)).round() as usize;
    let chosen = (0..MOST_SIZES).map(|place| *sizes.range(wanted(place)..).next().unwrap_or(&largest));
    chosen.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Seconds at a size by those at the timed sizes around it.
fn between(timed: &BTreeMap<usize, f64>, size: usize) -> f64 {
    match (timed.range(..=size).next_back(), timed.range(size..).next()) {
        (Some((below, less)), Some((above, more))) if below < above => {
            less + (more - less) * (size - below) as f64 / (above - below) as f64
        }
        (Some((_, seconds)), _) | (None, Some((_, seconds))) => *seconds,
        (None, None) => 0.0,
    }
}

/// Bytes of one token in the cache, of all blocks.
fn bytes_per_token(config: &ModelConfig, kind: Kind) -> f64 {
    let numbers = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim;
    numbers as f64 * kind.elt_size_in_bytes() as f64
}

/// Seconds of the products of all blocks in one pass over `rows` tokens.
fn blocks_seconds(decoder: &Decoder, packed: Option<PassProducts<'_>>, rows: usize) -> f64 {
    let placement = decoder.placement();
    if let Some(mut packed) = packed {
        return fastest(placement, &mut || packed.blocks());
    }
    let mut inputs: BTreeMap<i64, Tensor> = BTreeMap::new();
    let mut input = |width: i64| -> Tensor {
        let make = || Tensor::rand([rows as i64, width], placement.options());
        inputs.entry(width).or_insert_with(make).shallow_clone()
    };
    let mut pass = || {
        for layer in 0..decoder.num_blocks() {
            let weights = decoder.store().block(layer);
            for weight in [&weights.qkv_proj, &weights.o_proj, &weights.gate_up_proj, &weights.down_proj] {
                let _ = input(weight.size()[1]).linear(weight, None::<&Tensor>);
            }
        }
    };
    fastest(placement, &mut pass)
}

/// Seconds of the head's product for `rows` sequences.
fn head_seconds(decoder: &Decoder, packed: Option<PassProducts<'_>>, rows: usize) -> f64 {
    let placement = decoder.placement();
    if let Some(mut packed) = packed {
        return fastest(placement, &mut || packed.head());
    }
    let hidden = Tensor::rand([rows as i64, decoder.config().hidden_size], placement.options());
    fastest(placement, &mut || drop(decoder.logits(&hidden)))
}

/// Bytes a second at which this machine reads memory.
pub(super) fn read_rate(placement: Placement) -> f64 {
    let numbers = Tensor::ones([READ_BYTES / 4], (Kind::Float, placement.device));
    READ_BYTES as f64 / fastest(placement, &mut || drop(numbers.sum(Kind::Float)))
}

/// Seconds of the fastest of some repeats, after one that does not count.
fn fastest(placement: Placement, work: &mut dyn FnMut()) -> f64 {
    tch::no_grad(|| {
        let mut once = || {
            let started = Instant::now();
            work();
            wait(placement.device);
            started.elapsed().as_secs_f64()
        };
        once();
        let begin = Instant::now();
        let (mut fastest, mut repeats) = (f64::INFINITY, 0);
        while repeats < REPEATS || begin.elapsed() < TIMED {
            fastest = fastest.min(once());
            repeats += 1;
        }
        fastest
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoder() -> Decoder {
        let json = serde_json::json!({
            "model_type": "llama", "vocab_size": 10, "hidden_size": 4, "intermediate_size": 6, "num_hidden_layers": 3,
            "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 8,
        });
        Decoder::random(&ModelConfig::from_json(&json).unwrap(), 0, Placement::CPU)
    }

    #[test]
    fn a_ceiling_counts_each_pass_and_each_token_that_is_read() {
        let decoder = decoder();
        // Keys and values of one head of two numbers, in three blocks, float32.
        assert_eq!(bytes_per_token(decoder.config(), decoder.kind()), 2.0 * 3.0 * 2.0 * 4.0);
        let read = EngineWork { num_attended: 10, ..EngineWork::default() };
        let of = |work: &EngineWork| Ceiling::of(work, &decoder, 100.0, &Interrupt::default()).unwrap();
        assert_eq!(of(&read), Ceiling { products: 0.0, cache: 4.8 });
        let passes = EngineWork { passes: [(2, 3), (5, 1)].into(), sampling_passes: [(2, 3)].into(), ..read };
        assert!(of(&passes).products > 0.0);
    }

    #[test]
    fn of_many_sizes_some_are_timed_and_the_others_lie_between() {
        assert!(timed_sizes(BTreeSet::new()).is_empty());
        assert_eq!(timed_sizes((3..9).collect()), [3, 4, 5, 6, 7, 8]);
        let timed = timed_sizes((1..=512).collect());
        assert!(timed.len() <= MOST_SIZES && timed.len() > MOST_SIZES / 2, "{timed:?}");
        assert_eq!((timed.first(), timed.last()), (Some(&1), Some(&512)));
        assert!(timed.is_sorted());
        let seconds: BTreeMap<usize, f64> = [(2, 1.0), (6, 3.0)].into();
        assert_eq!([2, 3, 6].map(|size| between(&seconds, size)), [1.0, 1.5, 3.0]);
    }
}
