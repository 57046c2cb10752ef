//! One rank's share of a model whose matrix products are cut over ranks: which rows or columns of each part it has.
//!
//! q, k, v, gate and up are cut by rows, each part by itself, so that a rank has whole heads; o and down are cut by the
//! columns that go with them; embedding and head by the vocabulary; norms are whole everywhere (Megatron-LM, arXiv
//! 1909.08053). Where there are fewer key-value heads than ranks, several ranks hold the same one. Intermediate size
//! and vocabulary need not divide: stretches differ by one at most. Arithmetic of numbers alone.

use std::ops::Range;

use tch::Tensor;

use crate::config::ModelConfig;
use crate::error::PolicyError;

/// A rank's share of a model.
#[derive(Clone, Debug)]
pub struct TensorShare {
    config: ModelConfig,
    rank: i64,
    size: i64,
}

/// The box of a part, as a checkpoint has it, that a rank holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartCut {
    /// Sizes of the whole part's dimensions.
    pub shape: Vec<i64>,
    /// Of each dimension the indices that are here.
    pub indices: Vec<Range<i64>>,
    /// Number of ranks that hold the same box.
    pub copies: usize,
}

impl PartCut {
    /// The box out of the whole part.
    pub fn of(&self, whole: &Tensor) -> Tensor {
        self.indices.iter().zip(0..).fold(whole.shallow_clone(), |tensor, (indices, dimension)| {
            tensor.narrow(dimension, indices.start, indices.end - indices.start)
        })
    }

    /// Where elements of the box, counted row by row, stand in the whole part, counted likewise: ranges in order, none
    /// beginning where the one before it ends.
    pub fn ranges(&self, held: Range<i64>) -> Vec<Range<i64>> {
        let row = self.shape.get(1).copied().unwrap_or(1);
        let columns = self.indices.get(1).cloned().unwrap_or(0..1);
        let width = columns.end - columns.start;
        let mut ranges: Vec<Range<i64>> = Vec::new();
        let mut at = held.start;
        while at < held.end {
            let next = ((at / width + 1) * width).min(held.end);
            let start = (self.indices[0].start + at / width) * row + columns.start + at % width;
            match ranges.last_mut() {
                Some(last) if last.end == start => last.end += next - at,
                _ => ranges.push(start..start + next - at),
            }
            at = next;
        }
        ranges
    }
}

impl TensorShare {
    /// The share of rank `rank` of `size`.
    ///
    /// # Errors
    /// The model's heads, or its vocabulary, cannot be shared by so many ranks.
    pub fn new(config: &ModelConfig, rank: usize, size: usize) -> Result<Self, PolicyError> {
        let (rank, size) = (rank as i64, size as i64);
        let (heads, kv_heads) = (config.num_attention_heads, config.num_key_value_heads);
        let goes = |size: i64| heads % size == 0 && (kv_heads % size == 0 || size % kv_heads == 0);
        if !goes(size) || config.vocab_size.min(config.intermediate_size) < size {
            let fitting: Vec<String> = (1..=heads).filter(|size| goes(*size)).map(|size| size.to_string()).collect();
            let reason = format!(
                "is {size}, over which this model's {heads} heads (num_attention_heads) and {kv_heads} key-value heads \
                 (num_key_value_heads) cannot be shared; choose one of {}",
                fitting.join(", ")
            );
            return Err(PolicyError::Layout { field: "parallel.tensor", reason });
        }
        Ok(Self { config: config.clone(), rank, size })
    }

    /// The share of another rank of the same model.
    pub(crate) fn of_rank(&self, rank: usize) -> Self {
        Self { rank: rank as i64, ..self.clone() }
    }

    /// The model as this rank computes it: with its number of heads, rows of the feed-forward and of the vocabulary.
    pub fn local(&self) -> ModelConfig {
        let length = |range: Range<i64>| range.end - range.start;
        let mut local = self.config.clone();
        local.num_attention_heads = length(self.heads());
        local.num_key_value_heads = length(self.kv_heads());
        local.intermediate_size = length(self.stretch(self.config.intermediate_size));
        local.vocab_size = length(self.vocabulary());
        local
    }

    /// Token ids whose rows of embedding and head are here.
    pub fn vocabulary(&self) -> Range<i64> {
        self.stretch(self.config.vocab_size)
    }

    /// Most token ids that a rank has.
    pub fn longest_vocabulary(&self) -> i64 {
        (self.config.vocab_size + self.size - 1) / self.size
    }

    /// Number of ranks that hold each key-value head.
    pub(crate) fn kv_copies(&self) -> i64 {
        (self.size / self.config.num_key_value_heads).max(1)
    }

    /// Query heads that are here.
    pub(crate) fn heads(&self) -> Range<i64> {
        self.stretch(self.config.num_attention_heads)
    }

    /// Key-value heads that the query heads need.
    pub(crate) fn kv_heads(&self) -> Range<i64> {
        let (heads, kv_heads) = (self.config.num_attention_heads, self.config.num_key_value_heads);
        let queries = heads / kv_heads;
        let own = self.heads();
        own.start / queries..(own.end - 1) / queries + 1
    }

    /// What is here of the part with a checkpoint's name; `None` where that is the whole part.
    pub fn part(&self, name: &str) -> Option<PartCut> {
        let ModelConfig { hidden_size, intermediate_size, vocab_size, head_dim, .. } = self.config;
        let rows_of = |heads: i64, own: Range<i64>| (heads * head_dim, own.start * head_dim..own.end * head_dim);
        let query = || rows_of(self.config.num_attention_heads, self.heads());
        let intermediate = || (intermediate_size, self.stretch(intermediate_size));
        let module = name.strip_suffix(".weight").or_else(|| name.strip_suffix(".bias"))?.rsplit('.').next()?;
        let ((whole, own), is_by_rows) = match module {
            "embed_tokens" | "lm_head" => ((vocab_size, self.vocabulary()), true),
            "q_proj" => (query(), true),
            "k_proj" | "v_proj" => (rows_of(self.config.num_key_value_heads, self.kv_heads()), true),
            "gate_proj" | "up_proj" => (intermediate(), true),
            "o_proj" => (query(), false),
            "down_proj" => (intermediate(), false),
            _ => return None,
        };
        let copies = if module.starts_with(['k', 'v']) { self.kv_copies() as usize } else { 1 };
        let (shape, indices) = match (is_by_rows, name.ends_with(".bias")) {
            (true, true) => (vec![whole], vec![own]),
            (true, false) => (vec![whole, hidden_size], vec![own, 0..hidden_size]),
            (false, _) => (vec![hidden_size, whole], vec![0..hidden_size, own]),
        };
        Some(PartCut { shape, indices, copies })
    }

    fn stretch(&self, length: i64) -> Range<i64> {
        self.rank * length / self.size..(self.rank + 1) * length / self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::parameter_shapes;

    fn config(heads: i64, kv_heads: i64) -> ModelConfig {
        ModelConfig::from_json(&serde_json::json!({
            "model_type": "qwen2", "vocab_size": 13, "hidden_size": 8 * heads, "intermediate_size": 10,
            "num_hidden_layers": 1, "num_attention_heads": heads, "num_key_value_heads": kv_heads,
            "max_position_embeddings": 64,
        }))
        .unwrap()
    }

    #[test]
    fn every_element_of_every_part_is_held_as_often_as_its_cut_says() {
        for (heads, kv_heads, size) in [(4, 2, 2), (4, 2, 4), (8, 2, 8), (6, 3, 3), (4, 1, 2), (4, 4, 4)] {
            let config = config(heads, kv_heads);
            for parameter in parameter_shapes(&config) {
                let numel: i64 = parameter.shape.iter().product();
                let mut counts = vec![0; numel as usize];
                for rank in 0..size {
                    let share = TensorShare::new(&config, rank, size).unwrap();
                    let Some(cut) = share.part(&parameter.name) else { continue };
                    assert_eq!(cut.shape, parameter.shape, "{}", parameter.name);
                    let held: i64 = cut.indices.iter().map(|indices| indices.end - indices.start).product();
                    let whole = Tensor::arange(numel, (tch::Kind::Int64, tch::Device::Cpu)).view(cut.shape.as_slice());
                    let elements = Vec::<i64>::try_from(cut.of(&whole).reshape([-1])).unwrap();
                    let of_two = cut.ranges(0..held / 3).into_iter().chain(cut.ranges(held / 3..held));
                    assert_eq!(of_two.flatten().collect::<Vec<_>>(), elements, "{}", parameter.name);
                    for element in cut.ranges(0..held).into_iter().flatten() {
                        counts[element as usize] += cut.copies;
                    }
                }
                let copies = TensorShare::new(&config, 0, size).unwrap().part(&parameter.name).map(|cut| cut.copies);
                let expected = copies.map_or(0, |copies| copies * copies);
                assert!(counts.iter().all(|count| *count == expected), "{} {size}: {counts:?}", parameter.name);
            }
        }
    }

    #[test]
    fn ranges_that_follow_one_another_are_one() {
        let cut = TensorShare::new(&config(4, 2), 1, 2).unwrap();
        let query = cut.part("model.layers.0.self_attn.q_proj.weight").unwrap().ranges(3..512);
        assert_eq!((query.len(), &query[0]), (1, &(515..1024)));
        assert_eq!(cut.part("model.layers.0.mlp.down_proj.weight").unwrap().ranges(3..12), [8..10, 15..20, 25..27]);
    }

    #[test]
    fn heads_that_cannot_be_shared_are_named_with_what_can_be_chosen() {
        for (heads, kv_heads, size, fitting) in [(4, 2, 3, "1, 2, 4"), (6, 3, 2, "1, 3, 6"), (4, 2, 8, "1, 2, 4")] {
            let error = TensorShare::new(&config(heads, kv_heads), 0, size).unwrap_err().to_string();
            let words = [&format!("`parallel.tensor` is {size}"), &format!("{heads} heads"), fitting];
            assert!(words.iter().all(|word| error.contains(*word)), "{error}");
        }
    }
}
