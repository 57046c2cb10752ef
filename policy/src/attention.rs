//! Attention of a token to the tokens before it: the seam between one decoder and its several uses.
//!
//! [`PackedAttention`] serves training: whole sequences, packed one after the other. Rollout brings its own, over a
//! key-value cache.

use std::sync::Arc;

use tch::{Device, Tensor};

use crate::context_parallel::Stretch;
use crate::exact::Exact;

/// Attends over the tokens of one forward pass, and over whatever the implementation remembers of earlier ones.
pub trait Attention {
    /// Attends with `query` `[tokens, heads, head_dim]` to `key` and `value` `[tokens, kv_heads, head_dim]`, the rotary
    /// embedding already applied; returns `[tokens, heads, head_dim]`. `layer` counts from 0.
    fn attend(&mut self, layer: usize, query: &Tensor, key: &Tensor, value: &Tensor) -> Tensor;
}

/// Largest share of a block's row that may be padding: sequences of similar lengths go through one call, and the
/// padding costs little.
const MAX_PADDING: f64 = 0.125;

/// Causal attention over packed sequences, with nothing remembered.
///
/// Sequences of like lengths are laid side by side with padding on the right. Under a causal mask a token never sees
/// padding that comes after it, so the result is that of each sequence alone.
#[derive(Debug)]
pub struct PackedAttention {
    layout: LengthLayout,
    /// The stretch of the tokens that this rank has, where ranks share them.
    stretch: Option<Stretch>,
    /// Operators that attend exactly, where that is asked for.
    exact: Option<Arc<Exact>>,
}

/// Packed sequences, laid side by side by their lengths.
#[derive(Debug)]
struct LengthLayout {
    /// In the order in which they are packed.
    lengths: Vec<usize>,
    blocks: Vec<LengthBlock>,
    /// `[tokens]`: place of each packed token among the blocks' rows laid end to end; absent where it is the identity.
    order: Option<Tensor>,
}

/// Sequences of similar lengths, one a row.
#[derive(Debug)]
struct LengthBlock {
    rows: i64,
    length: i64,
    /// `[rows * length]`: the packed token at each place; absent where it is the identity.
    tokens: Option<Tensor>,
}

impl PackedAttention {
    /// Attention over sequences of these lengths, in tokens, packed in this order.
    pub fn new(lengths: &[usize], device: Device) -> Self {
        Self { layout: LengthLayout::new(lengths, device), stretch: None, exact: None }
    }

    /// The same of ranks that have a stretch of the tokens each.
    pub(crate) fn over(self, stretch: Option<Stretch>) -> Self {
        Self { stretch, ..self }
    }

    /// The same by exact operators where they are given. Ranks then have no stretches.
    pub(crate) fn exactly(self, exact: Option<Arc<Exact>>) -> Self {
        Self { exact, ..self }
    }

    /// Attention over all tokens.
    fn attend_all(&self, query: &Tensor, key: &Tensor, value: &Tensor) -> Tensor {
        let Some(exact) = &self.exact else { return self.layout.attend(query, key, value) };
        let layout = self.layout.shallow_clone();
        let by_library = move |inputs: &[Tensor]| layout.attend(&inputs[0], &inputs[1], &inputs[2]);
        exact.attend(&self.layout.lengths, [query, key, value], by_library)
    }
}

impl LengthLayout {
    fn new(lengths: &[usize], device: Device) -> Self {
        let starts: Vec<usize> = lengths
            .iter()
            .scan(0, |end, length| {
                *end += length;
                Some(*end - length)
            })
            .collect();
        let num_tokens = lengths.iter().sum();
        if lengths.windows(2).all(|pair| pair[0] == pair[1]) && !lengths.is_empty() {
            let block = LengthBlock { rows: lengths.len() as i64, length: lengths[0] as i64, tokens: None };
            return Self { lengths: lengths.to_vec(), blocks: vec![block], order: None };
        }
        let mut by_length: Vec<usize> = (0..lengths.len()).filter(|&i| lengths[i] > 0).collect();
        by_length.sort_by_key(|&i| std::cmp::Reverse(lengths[i]));
        let mut order = vec![0i64; num_tokens];
        let (mut blocks, mut filled, mut at) = (Vec::new(), 0usize, 0usize);
        while at < by_length.len() {
            let length = lengths[by_length[at]];
            let shortest = (length as f64 * (1.0 - MAX_PADDING)).ceil() as usize;
            let rows = by_length[at..].iter().take_while(|&&i| lengths[i] >= shortest).count();
            let mut tokens = Vec::with_capacity(rows * length);
            for &sequence in &by_length[at..at + rows] {
                for position in 0..length {
                    // A padded place repeats the sequence's last token; no result of it is read.
                    let token = starts[sequence] + position.min(lengths[sequence] - 1);
                    if position < lengths[sequence] {
                        order[token] = (filled + tokens.len()) as i64;
                    }
                    tokens.push(token as i64);
                }
            }
            filled += tokens.len();
            at += rows;
            let tokens = Some(Tensor::from_slice(&tokens).to_device(device));
            blocks.push(LengthBlock { rows: rows as i64, length: length as i64, tokens });
        }
        let order = Some(Tensor::from_slice(&order).to_device(device));
        Self { lengths: lengths.to_vec(), blocks, order }
    }

    /// The same layout; its tensors share their memory.
    fn shallow_clone(&self) -> Self {
        let shared = |tensor: &Option<Tensor>| tensor.as_ref().map(Tensor::shallow_clone);
        let blocks = self.blocks.iter();
        let block = |&LengthBlock { rows, length, ref tokens }| LengthBlock { rows, length, tokens: shared(tokens) };
        Self { lengths: self.lengths.clone(), blocks: blocks.map(block).collect(), order: shared(&self.order) }
    }

    /// Attention over all tokens, by libtorch.
    fn attend(&self, query: &Tensor, key: &Tensor, value: &Tensor) -> Tensor {
        let (heads, head_dim) = (query.size()[1], query.size()[2]);
        let grouped = heads != key.size()[1];
        let attended = self.blocks.iter().map(|block| {
            Tensor::scaled_dot_product_attention(
                &block.gather(query),
                &block.gather(key),
                &block.gather(value),
                None::<&Tensor>,
                0.0,
                true,
                None,
                grouped,
            )
            .transpose(1, 2)
            .reshape([block.rows * block.length, heads, head_dim])
        });
        let attended: Vec<Tensor> = attended.collect();
        match &self.order {
            None => attended.into_iter().next().expect("one block of equal lengths"),
            Some(order) => Tensor::cat(&attended, 0).index_select(0, order), // [tokens, heads, head_dim]
        }
    }
}

impl LengthBlock {
    /// `[tokens, heads, head_dim]` -> `[rows, heads, length, head_dim]`.
    fn gather(&self, x: &Tensor) -> Tensor {
        let (heads, head_dim) = (x.size()[1], x.size()[2]);
        let x = match &self.tokens {
            Some(tokens) => x.index_select(0, tokens),
            None => x.shallow_clone(),
        };
        x.view([self.rows, self.length, heads, head_dim]).transpose(1, 2)
    }
}

impl Attention for PackedAttention {
    fn attend(&mut self, _layer: usize, query: &Tensor, key: &Tensor, value: &Tensor) -> Tensor {
        match &self.stretch {
            None => self.attend_all(query, key, value),
            Some(stretch) => {
                let [query, key, value] = stretch.to_heads(query, key, value);
                stretch.to_tokens(&self.attend_all(&query, &key, &value))
            }
        }
    }
}
