//! Attention over the key-value cache, behind the decoder's [`Attention`]: whole prompts, then one token a sequence.
//!
//! While decoding, the query heads that share a key-value head count as several queries of that head: grouped-query
//! attention without a repeated key. This file must not know requests or sampling.

use std::time::{Duration, Instant};

use policy::{Attention, PackedAttention};
use tch::{Device, Tensor};

use crate::cache::{KvCache, round_up};

/// One forward pass over a cache: the places it writes, and the tokens it attends to.
#[derive(Debug)]
pub(crate) struct CachedAttention<'a> {
    cache: &'a mut KvCache,
    /// `[tokens]`: places of the pass's keys and values in the flat cache.
    index: Tensor,
    phase: Phase,
    spent: Duration,
}

/// The tokens that a pass attends to.
#[derive(Debug)]
enum Phase {
    /// Whole prompts; each attends to itself.
    Prefill(PackedAttention),
    /// One token for each of the first `rows` slots; each attends to its slot's first `width` tokens.
    Decode { rows: i64, width: i64 },
}

impl<'a> CachedAttention<'a> {
    /// A pass over packed prompts, given in order by their slot and number of tokens. The slots are emptied first.
    pub(crate) fn prefill(cache: &'a mut KvCache, prompts: &[(usize, usize)], device: Device) -> Self {
        let place = |&(slot, length): &(usize, usize)| cache.index(slot, 0)..cache.index(slot, length);
        let index: Vec<i64> = prompts.iter().flat_map(place).collect();
        let lengths: Vec<usize> = prompts.iter().map(|prompt| prompt.1).collect();
        for &(slot, length) in prompts {
            cache.restart(slot, length);
        }
        let phase = Phase::Prefill(PackedAttention::new(&lengths, device));
        Self { cache, index: Tensor::from_slice(&index).to_device(device), phase, spent: Duration::ZERO }
    }

    /// A pass over one token of each of the first slots, at the flat `index` `[rows]`. The longest slot holds `longest`
    /// tokens, the new one included.
    pub(crate) fn decode(cache: &'a mut KvCache, index: Tensor, longest: usize) -> Self {
        cache.fill(&index);
        let phase = Phase::Decode { rows: index.size()[0], width: round_up(longest) as i64 };
        Self { cache, index, phase, spent: Duration::ZERO }
    }

    /// Time that the pass has spent in attention so far.
    pub(crate) fn spent(&self) -> Duration {
        self.spent
    }
}

impl Attention for CachedAttention<'_> {
    fn attend(&mut self, layer: usize, query: &Tensor, key: &Tensor, value: &Tensor) -> Tensor {
        let started = Instant::now();
        self.cache.write(layer, &self.index, key, value);
        let attended = match &mut self.phase {
            Phase::Prefill(packed) => packed.attend(layer, query, key, value),
            &mut Phase::Decode { rows, width } => {
                let (heads, head_dim) = (query.size()[1], query.size()[2]);
                let kv_heads = key.size()[1];
                let queries = heads / kv_heads;
                let [keys, values] = self.cache.read(layer, rows, width);
                let mask = self.cache.mask(rows, queries, width);
                let query = query.reshape([rows, kv_heads, queries, head_dim]);
                Tensor::scaled_dot_product_attention(&query, &keys, &values, Some(&mask), 0.0, false, None, false)
                    .reshape([rows, heads, head_dim])
            }
        };
        self.spent += started.elapsed();
        attended
    }
}

#[cfg(test)]
mod tests {
    use policy::{Decoder, ModelConfig, Placement};
    use tch::Kind;

    use super::*;
    use crate::cache::Demand;

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

    /// Two sequences of unlike lengths, prefilled in part and decoded to their ends in the other slot order. Logits
    /// differ by at most `tolerance` times their standard deviation.
    fn decode_equals_prefill(kv_heads: i64, placement: Placement, tolerance: f64) {
        let _guard = tch::no_grad_guard();
        let decoder = decoder(kv_heads, placement);
        let positions = |from, to| Tensor::arange_start(from, to, (Kind::Int64, Device::Cpu));
        let prompts = [7i64, 30];
        let num_decoded = 9i64;
        let mut cache = KvCache::new(decoder.config(), placement, 4096);
        cache.reserve(Demand { sequences: 2, tokens: 39, most_tokens: 39 }).expect("room");
        let packed_ids = Tensor::cat(&[ids(0, prompts[0], 0), ids(0, prompts[1], 1)], 0);
        let packed_positions = Tensor::cat(&[positions(0, prompts[0]), positions(0, prompts[1])], 0);
        let places = [(1, prompts[0] as usize), (0, prompts[1] as usize)];
        let mut prefill = CachedAttention::prefill(&mut cache, &places, Device::Cpu);
        let _ = decoder.hidden(&packed_ids, &packed_positions, &mut prefill);

        let whole = [0, 1].map(|sequence: usize| {
            let length = prompts[sequence] + num_decoded;
            let mut attention = PackedAttention::new(&[length as usize], Device::Cpu);
            decoder.logits(&decoder.hidden(&ids(0, length, sequence as i64), &positions(0, length), &mut attention))
        });
        for step in 0..num_decoded {
            let at = [prompts[1] + step, prompts[0] + step]; // by slot
            let token = |sequence: i64, at: i64| ids(at, at + 1, sequence);
            let index = Tensor::from_slice(&[cache.index(0, at[0] as usize), cache.index(1, at[1] as usize)]);
            let mut attention = CachedAttention::decode(&mut cache, index, at[0] as usize + 1);
            let step_ids = Tensor::cat(&[token(1, at[0]), token(0, at[1])], 0);
            let logits = decoder.logits(&decoder.hidden(&step_ids, &Tensor::from_slice(&at), &mut attention));
            for (slot, sequence) in [(0, 1), (1, 0)] {
                let expected = whole[sequence].get(at[slot]);
                let distance = (logits.get(slot as i64) - &expected).abs().max().double_value(&[]);
                let spread = expected.std(true).double_value(&[]);
                assert!(distance < tolerance * spread, "step {step}, slot {slot}: {distance} of {spread}");
                assert!(spread > 0.1, "logits too flat to tell");
            }
        }
    }

    #[test]
    fn decode_equals_prefill_with_grouped_queries() {
        decode_equals_prefill(2, Placement::CPU, 1e-4);
    }

    #[test]
    fn decode_equals_prefill_with_a_key_for_each_query() {
        decode_equals_prefill(4, Placement::CPU, 1e-4);
    }

    /// The two attention kernels add in other orders, and wide weights enlarge each rounding to 8 bits in three blocks.
    #[test]
    fn decode_equals_prefill_in_bfloat16() {
        let placement = Placement { kind: Kind::BFloat16, ..Placement::CPU };
        for kv_heads in [2, 4] {
            decode_equals_prefill(kv_heads, placement, 0.1);
        }
    }
}
