//! Attention over the key-value cache, behind the decoder's [`Attention`]: any tokens of any sequences in one pass.
//!
//! A pass's keys and values are written before its queries read, so that tokens of one pass see those before them, also
//! where these are another sequence's that has the same beginning. This file must not know requests or sampling.

use std::time::{Duration, Instant};

use kernels::{BlockStore, Threads};
use policy::{Attention, Placement};
use tch::{Device, Tensor};

use crate::cache::{CachedPiece, CoresRows, GatheredPass, GatheredTensors, KvTensors};
use crate::rows::{numbers_mut, rows};

/// One forward pass over a cache: the places it writes, and the tokens it attends to.
#[derive(Debug)]
pub(crate) struct CachedAttention<'a> {
    memory: PassMemory<'a>,
    spent: Duration,
}

#[derive(Debug)]
enum PassMemory<'a> {
    Cores { store: &'a mut BlockStore, rows: CoresRows<'a>, threads: &'a Threads },
    Gathered { tensors: &'a mut GatheredTensors, pass: GatheredPass },
}

impl<'a> CachedAttention<'a> {
    /// A pass over the tokens of these pieces, in this order.
    pub(crate) fn new(
        tensors: &'a mut KvTensors,
        pieces: &[CachedPiece<'a>],
        placement: Placement,
        threads: &'a Threads,
    ) -> Self {
        let memory = match tensors {
            KvTensors::Cores(store) => PassMemory::Cores { store, rows: CoresRows::of(pieces), threads },
            KvTensors::Gathered(tensors) => {
                PassMemory::Gathered { tensors, pass: GatheredPass::new(pieces, placement) }
            }
        };
        Self { memory, spent: Duration::ZERO }
    }

    /// Time that the pass has spent in attention so far.
    pub(crate) fn spent(&self) -> Duration {
        self.spent
    }
}

impl Attention for CachedAttention<'_> {
    fn attend(&mut self, layer: usize, query: &Tensor, key: &Tensor, value: &Tensor) -> Tensor {
        let started = Instant::now();
        let attended = match &mut self.memory {
            PassMemory::Cores { store, rows: CoresRows { places, sequences }, threads } => {
                let (mut whole_key, mut whole_value, mut whole_query) = (None, None, None);
                store.write(layer, places, rows(key, &mut whole_key), rows(value, &mut whole_value));
                let mut attended = Tensor::empty(query.size(), (query.kind(), Device::Cpu));
                let query = rows(query, &mut whole_query);
                store.attend(layer, sequences, query, numbers_mut(&mut attended), threads);
                attended // [tokens, heads, head_dim]
            }
            PassMemory::Gathered { tensors, pass } => {
                tensors.write(layer, pass, key, value);
                tensors.attend(layer, pass, query)
            }
        };
        self.spent += started.elapsed();
        attended
    }
}

#[cfg(test)]
mod tests {
    use policy::{Decoder, ModelConfig, PackedAttention};
    use tch::Kind;

    use super::*;

    fn decoder(kv_heads: i64, placement: Placement) -> Decoder {
        let json = serde_json::json!({
            "model_type": "qwen2", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
            "vocab_size": 128, "num_attention_heads": 4, "num_key_value_heads": kv_heads,
            "max_position_embeddings": 256, "rms_norm_eps": 1e-6, "rope_theta": 1e4, "initializer_range": 0.3,
        });
        let config = ModelConfig::from_json(&json).expect("a config");
        Decoder::random(&config, 3, placement)
    }

    fn ids(from: i64, to: i64, salt: i64) -> Tensor {
        (Tensor::arange_start(from, to, (Kind::Int64, Device::Cpu)) * 37 + salt * 11 + 5).remainder(128)
    }

    fn positions(from: i64, to: i64) -> Tensor {
        Tensor::arange_start(from, to, (Kind::Int64, Device::Cpu))
    }

    /// Two sequences in pieces of unlike lengths, several in a pass, and a third that has the blocks of the second:
    /// each token's logits differ from those of a whole pass by at most `tolerance` times their standard deviation.
    fn pieces_equal_whole_passes(kv_heads: i64, placement: Placement, is_gathered: bool, tolerance: f64) {
        let _guard = tch::no_grad_guard();
        let decoder = decoder(kv_heads, placement);
        let mut tensors = if is_gathered {
            KvTensors::Gathered(GatheredTensors::new(decoder.config(), placement))
        } else {
            KvTensors::new(decoder.config(), placement)
        };
        assert_eq!(matches!(tensors, KvTensors::Gathered(_)), is_gathered);
        let lengths = [22i64, 45];
        let whole = [0, 1].map(|sequence: usize| {
            let length = lengths[sequence];
            let mut attention = PackedAttention::new(&[length as usize], Device::Cpu);
            decoder.logits(&decoder.hidden(&ids(0, length, sequence as i64), &positions(0, length), &mut attention))
        });
        let (tables, threads) = ([vec![6, 1], vec![0, 5, 3]], Threads::new(2));
        // Pieces of each pass: sequence, first token, end, and how many are cached.
        let decoding = (0..12).map(|at| vec![(0, 8 + at, 9 + at, 8 + at), (1, 30 + at, 31 + at, 30 + at)]);
        let beginning = [
            vec![(0usize, 0i64, 7i64, 0i64), (1, 0, 13, 0)],
            vec![(0, 7, 8, 7), (1, 13, 30, 13), (1, 29, 30, 30), (1, 10, 30, 30)],
        ];
        let end = vec![(1, 42, 45, 42), (0, 20, 22, 20)];
        for (num_blocks, pass) in (7..).zip(beginning.into_iter().chain(decoding).chain([end])) {
            tensors.grow(num_blocks, 20).expect("memory");
            let pieces: Vec<CachedPiece<'_>> = pass
                .iter()
                .map(|&(sequence, start, end, cached)| CachedPiece {
                    table: &tables[sequence],
                    start: start as usize,
                    num_tokens: (end - start) as usize,
                    num_cached: cached as usize,
                })
                .collect();
            let of_pass = |of: fn(i64, i64, i64) -> Tensor| {
                let parts: Vec<Tensor> = pass.iter().map(|piece| of(piece.1, piece.2, piece.0 as i64)).collect();
                Tensor::cat(&parts, 0)
            };
            let mut attention = CachedAttention::new(&mut tensors, &pieces, placement, &threads);
            let hidden = decoder.hidden(&of_pass(ids), &of_pass(|from, to, _| positions(from, to)), &mut attention);
            let logits = decoder.logits(&hidden);
            let expected: Vec<Tensor> =
                pass.iter().map(|piece| whole[piece.0].narrow(0, piece.1, piece.2 - piece.1)).collect();
            let expected = Tensor::cat(&expected, 0);
            let distance = (logits - &expected).abs().max().double_value(&[]);
            let spread = expected.std(true).double_value(&[]);
            assert!(distance < tolerance * spread, "{pass:?}: {distance} of {spread}");
            assert!(spread > 0.1, "logits too flat to tell");
        }
    }

    #[test]
    fn pieces_equal_whole_passes_on_cores() {
        for kv_heads in [1, 2, 4] {
            pieces_equal_whole_passes(kv_heads, Placement::CPU, false, 1e-4);
        }
    }

    #[test]
    fn pieces_equal_whole_passes_where_blocks_are_gathered() {
        for kv_heads in [1, 2, 4] {
            pieces_equal_whole_passes(kv_heads, Placement::CPU, true, 1e-4);
        }
    }

    /// Kernels add in other orders, and wide weights enlarge each rounding to 8 bits in three blocks.
    #[test]
    fn pieces_equal_whole_passes_in_bfloat16() {
        let placement = Placement { kind: Kind::BFloat16, ..Placement::CPU };
        pieces_equal_whole_passes(2, placement, true, 0.15);
    }
}
