//! The key-value cache: one slot for each completion in flight, in one tensor for each layer.
//!
//! Slots 0..n have no holes while decoding, so that attention reads plain views and gathers nothing. Memory grows with
//! the longest completion, in doublings, and stays within the budget. This file must not know requests, sampling or
//! stop conditions.

use policy::{ModelConfig, Placement};
use tch::{TchError, Tensor};

use crate::error::RolloutError;

/// Widths and capacities are multiples of this many tokens: few distinct shapes, and rows aligned for every attention
/// kernel.
const TOKEN_STEP: usize = 32;
/// Tokens a slot that a cache begins with, where completions may get that long.
const FIRST_CAPACITY: usize = 128;

/// Rounds a number of tokens up to the cache's step.
pub(crate) fn round_up(num_tokens: usize) -> usize {
    num_tokens.next_multiple_of(TOKEN_STEP)
}

/// Rounds a number of tokens down to the cache's step.
pub(crate) fn round_down(num_tokens: usize) -> usize {
    num_tokens / TOKEN_STEP * TOKEN_STEP
}

/// Room that the sequences in flight need.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    /// Sequences, one a slot.
    pub(crate) sequences: usize,
    /// Tokens that the longest sequence needs now.
    pub(crate) tokens: usize,
    /// Most tokens that the longest sequence may have.
    pub(crate) most_tokens: usize,
}

/// Keys and values of all slots, and the mask of filled places.
#[derive(Debug)]
pub(crate) struct KvCache {
    /// Keys and values of each layer, `[slots * capacity, kv_heads * head_dim]`.
    layers: Vec<[Tensor; 2]>,
    /// `[slots * capacity]`: 0 at filled places, -inf elsewhere; added to attention scores.
    mask: Tensor,
    num_slots: usize,
    /// Tokens a slot.
    capacity: usize,
    /// Most tokens in all slots: bound of slots x capacity.
    budget: usize,
    num_kv_heads: i64,
    head_dim: i64,
}

impl KvCache {
    /// An empty cache for a model, which will hold at most `budget` tokens.
    pub(crate) fn new(config: &ModelConfig, placement: Placement, budget: usize) -> Self {
        let options = placement.options();
        let empty = || Tensor::zeros([0, config.num_key_value_heads * config.head_dim], options);
        Self {
            layers: (0..config.num_hidden_layers).map(|_| [empty(), empty()]).collect(),
            mask: Tensor::zeros([0], options),
            num_slots: 0,
            capacity: 0,
            budget,
            num_kv_heads: config.num_key_value_heads,
            head_dim: config.head_dim,
        }
    }

    /// Makes room. The first `demand.sequences` slots keep their first `demand.tokens` tokens.
    ///
    /// # Errors
    /// libtorch cannot allocate the tensors.
    pub(crate) fn reserve(&mut self, demand: Demand) -> Result<(), RolloutError> {
        if demand.sequences <= self.num_slots && demand.tokens <= self.capacity {
            return Ok(());
        }
        let (num_slots, capacity) = self.plan(demand);
        self.resize(num_slots, capacity).map_err(|source| RolloutError::CacheAllocation { num_slots, capacity, source })
    }

    /// Slots and capacity that meet a demand: generous within the budget, else as small as possible.
    fn plan(&self, demand: Demand) -> (usize, usize) {
        let needed = round_up(demand.tokens);
        let capacity = if demand.tokens <= self.capacity {
            self.capacity
        } else {
            needed.max(round_up(demand.most_tokens.min(FIRST_CAPACITY.max(2 * self.capacity))))
        };
        let num_slots = demand.sequences.max(self.num_slots);
        let within = |slots: usize, capacity: usize| slots * capacity <= self.budget;
        match () {
            () if within(num_slots, capacity) => (num_slots, capacity),
            () if within(demand.sequences, capacity) => (demand.sequences, capacity),
            () => (demand.sequences, needed),
        }
    }

    /// Replaces the tensors by ones of another size, which keep the tokens that fit.
    fn resize(&mut self, num_slots: usize, capacity: usize) -> Result<(), TchError> {
        let old = (self.num_slots as i64, self.capacity as i64);
        let new = (num_slots as i64, capacity as i64);
        let (slots, tokens) = (old.0.min(new.0), old.1.min(new.1));
        let enlarge = |old_tensor: &Tensor, fill: f64| -> Result<Tensor, TchError> {
            let row = old_tensor.size()[1..].to_vec();
            let shape = |slots: i64, tokens: i64| [&[slots, tokens], row.as_slice()].concat();
            let flat = [&[new.0 * new.1], row.as_slice()].concat();
            let new_tensor = Tensor::f_full(&flat, fill, (old_tensor.kind(), old_tensor.device()))?;
            if slots * tokens > 0 {
                let kept = old_tensor.view(shape(old.0, old.1).as_slice()).narrow(0, 0, slots).narrow(1, 0, tokens);
                new_tensor.view(shape(new.0, new.1).as_slice()).narrow(0, 0, slots).narrow(1, 0, tokens).copy_(&kept);
            }
            Ok(new_tensor)
        };
        // Zeros, not whatever was in memory: a masked token's weight is 0, and 0 times NaN would be NaN.
        for tensor in self.layers.iter_mut().flatten() {
            *tensor = enlarge(tensor, 0.0)?;
        }
        self.mask = enlarge(&self.mask, f64::NEG_INFINITY)?;
        (self.num_slots, self.capacity) = (num_slots, capacity);
        Ok(())
    }

    /// Place of a slot's token in the flat cache.
    pub(crate) fn index(&self, slot: usize, position: usize) -> i64 {
        (slot * self.capacity + position) as i64
    }

    /// Writes `key` and `value`, `[tokens, kv_heads, head_dim]` each, at the flat `index` `[tokens]`.
    pub(crate) fn write(&mut self, layer: usize, index: &Tensor, key: &Tensor, value: &Tensor) {
        let width = self.num_kv_heads * self.head_dim;
        for (cached, new) in self.layers[layer].iter_mut().zip([key, value]) {
            let _ = cached.index_copy_(0, index, &new.reshape([-1, width]));
        }
    }

    /// Keys and values of the first `width` tokens of the first `rows` slots, `[rows, kv_heads, width, head_dim]` each.
    pub(crate) fn read(&self, layer: usize, rows: i64, width: i64) -> [Tensor; 2] {
        let token = self.num_kv_heads * self.head_dim;
        let shape = [rows, self.num_kv_heads, width, self.head_dim];
        let strides = [self.capacity as i64 * token, self.head_dim, token, 1];
        self.layers[layer].each_ref().map(|cached| cached.as_strided(shape, strides, None))
    }

    /// Marks the places at the flat `index` `[tokens]` as filled.
    pub(crate) fn fill(&mut self, index: &Tensor) {
        let _ = self.mask.index_fill_(0, index, 0.0);
    }

    /// `[rows, 1, queries, width]`: 0 at a slot's filled places, -inf elsewhere.
    pub(crate) fn mask(&self, rows: i64, queries: i64, width: i64) -> Tensor {
        self.mask.as_strided([rows, 1, queries, width], [self.capacity as i64, 0, 0, 1], None)
    }

    /// Marks a slot's first `num_tokens` places as filled and the others as empty.
    pub(crate) fn restart(&mut self, slot: usize, num_tokens: usize) {
        let mut row = self.slot_row(&self.mask, slot, self.capacity);
        let _ = row.fill_(f64::NEG_INFINITY);
        let _ = row.narrow(0, 0, num_tokens as i64).zero_();
    }

    /// Replaces the tokens of slot `to` by the first `num_tokens` of slot `from`.
    pub(crate) fn copy(&mut self, from: usize, to: usize, num_tokens: usize) {
        for tensor in self.layers.iter().flatten() {
            self.slot_row(tensor, to, num_tokens).copy_(&self.slot_row(tensor, from, num_tokens));
        }
        self.restart(to, num_tokens);
    }

    /// Zeroes a slot. What is not finite there would reach the slot's next sequence: a masked token's weight is 0, and
    /// 0 times NaN would be NaN.
    pub(crate) fn clear(&mut self, slot: usize) {
        for tensor in self.layers.iter().flatten() {
            let _ = self.slot_row(tensor, slot, self.capacity).zero_();
        }
        self.restart(slot, 0);
    }

    fn slot_row(&self, tensor: &Tensor, slot: usize, num_tokens: usize) -> Tensor {
        tensor.narrow(0, self.index(slot, 0), num_tokens as i64)
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    fn cache(budget: usize) -> KvCache {
        let json = serde_json::json!({
            "model_type": "llama", "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "vocab_size": 8,
            "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 4096, "rms_norm_eps": 1e-6,
        });
        KvCache::new(&ModelConfig::from_json(&json).expect("a config"), Placement::CPU, budget)
    }

    fn demand(sequences: usize, tokens: usize) -> Demand {
        Demand { sequences, tokens, most_tokens: 4096 }
    }

    fn token(value: f32) -> Tensor {
        Tensor::full([1, 1, 4], f64::from(value), (Kind::Float, Device::Cpu))
    }

    #[test]
    fn growing_keeps_what_is_there() {
        let mut cache = cache(100_000);
        cache.reserve(demand(2, 10)).expect("room");
        assert_eq!((cache.num_slots, cache.capacity), (2, 128));
        cache.restart(1, 9);
        cache.write(0, &Tensor::from_slice(&[cache.index(1, 8)]), &token(3.0), &token(4.0));
        cache.reserve(demand(5, 129)).expect("room");
        assert_eq!((cache.num_slots, cache.capacity), (5, 256));
        let [key, value] = cache.read(0, 2, 32);
        assert_eq!(key.double_value(&[1, 0, 8, 0]), 3.0);
        assert_eq!(value.double_value(&[1, 0, 8, 3]), 4.0);
        assert_eq!(key.double_value(&[1, 0, 9, 0]), 0.0);
        let mask = cache.mask(2, 1, 32);
        assert_eq!(mask.double_value(&[1, 0, 0, 8]), 0.0);
        assert_eq!(mask.double_value(&[1, 0, 0, 9]), f64::NEG_INFINITY);
    }

    #[test]
    fn the_budget_trades_sequences_for_tokens() {
        let mut cache = cache(1024);
        cache.reserve(demand(8, 100)).expect("room");
        assert_eq!((cache.num_slots, cache.capacity), (8, 128));
        cache.reserve(demand(2, 400)).expect("room");
        assert_eq!((cache.num_slots, cache.capacity), (2, 416));
        cache.reserve(demand(8, 65)).expect("room");
        assert_eq!((cache.num_slots, cache.capacity), (8, 96));
    }

    #[test]
    fn a_copy_holds_the_prefix_only() {
        let mut cache = cache(1024);
        cache.reserve(demand(2, 4)).expect("room");
        for position in 0..3 {
            let index = Tensor::from_slice(&[cache.index(0, position)]);
            cache.write(0, &index, &token(position as f32 + 1.0), &token(0.0));
            cache.fill(&index);
        }
        cache.copy(0, 1, 2);
        let key = cache.read(0, 2, 32)[0].shallow_clone();
        assert_eq!([0, 1, 2].map(|at| key.double_value(&[1, 0, at, 0])), [1.0, 2.0, 0.0]);
        assert_eq!(cache.mask(2, 1, 32).double_value(&[1, 0, 0, 2]), f64::NEG_INFINITY);
    }
}
