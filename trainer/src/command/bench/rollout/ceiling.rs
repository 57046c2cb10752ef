//! The least time of a run's own work: each of its products timed alone in the same process, with the weights of all
//! blocks in turn as a pass takes them, and the cache's bytes at the rate at which this machine reads memory. What a
//! run does beside (norms, sampling, scheduling, the arithmetic of attention) is taken for free.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use policy::{Decoder, ModelConfig, Placement};
use rollout::EngineWork;
use tch::{Kind, Tensor};

use super::super::operations::wait;

/// Bytes that the machine is timed with: more than its caches hold.
const READ_BYTES: i64 = 256 << 20;
/// Least time for which something is timed, and least number of repeats.
const TIMED: Duration = Duration::from_millis(100);
const REPEATS: usize = 3;

/// Seconds at the least.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ceiling {
    /// The matrix products.
    pub(super) products: f64,
    /// Reading the cache.
    pub(super) cache: f64,
}

impl Ceiling {
    /// That of some work on a decoder.
    pub(super) fn of(work: &EngineWork, decoder: &Decoder, bytes_per_second: f64) -> Self {
        let mut products = 0.0;
        for (rows, count) in &work.decode_passes {
            products += *count as f64 * (blocks_seconds(decoder, *rows) + head_seconds(decoder, *rows));
        }
        for (rows, count) in &work.prefill_passes {
            products += *count as f64 * blocks_seconds(decoder, *rows);
        }
        let bytes = work.num_attended as f64 * bytes_per_token(decoder.config(), decoder.kind());
        Self { products, cache: bytes / bytes_per_second }
    }

    /// All together.
    pub(super) fn seconds(&self) -> f64 {
        self.products + self.cache
    }
}

/// Bytes of one token in the cache, of all blocks.
fn bytes_per_token(config: &ModelConfig, kind: Kind) -> f64 {
    let numbers = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim;
    numbers as f64 * kind.elt_size_in_bytes() as f64
}

/// Seconds of the products of all blocks in one pass over `rows` tokens.
fn blocks_seconds(decoder: &Decoder, rows: usize) -> f64 {
    let placement = decoder.placement();
    let mut inputs: BTreeMap<i64, Tensor> = BTreeMap::new();
    let mut pass = || {
        for layer in 0..decoder.num_blocks() {
            let weights = decoder.store().block(layer);
            for weight in [&weights.qkv_proj, &weights.o_proj, &weights.gate_up_proj, &weights.down_proj] {
                let width = weight.size()[1];
                let make = || Tensor::rand([rows as i64, width], placement.options());
                let _ = inputs.entry(width).or_insert_with(make).linear(weight, None::<&Tensor>);
            }
        }
    };
    fastest(placement, &mut pass)
}

/// Seconds of the head's product for `rows` sequences.
fn head_seconds(decoder: &Decoder, rows: usize) -> f64 {
    let placement = decoder.placement();
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
        assert_eq!(Ceiling::of(&read, &decoder, 100.0), Ceiling { products: 0.0, cache: 4.8 });
        let passes = EngineWork { decode_passes: [(2, 3)].into(), prefill_passes: [(5, 1)].into(), ..read };
        assert!(Ceiling::of(&passes, &decoder, 100.0).products > 0.0);
    }
}
