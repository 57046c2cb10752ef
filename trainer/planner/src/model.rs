//! Sizes of a decoder, and what follows from them: numbers of its parts, of a cached token, products of a token.
//!
//! The parts are those of a weight store: embedding, blocks, final norm, head. With `tensor` above 1, a rank has its
//! share of every matrix and of the biases beside it, and whole norms. Where shares differ, the largest counts; where
//! there are fewer key-value heads than ranks, each has a copy of one.

use serde::Serialize;

/// Sizes of a decoder, under the names of its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ModelSizes {
    /// Tokens of the vocabulary.
    pub vocab: u64,
    /// Numbers of a token's state between two blocks.
    pub hidden: u64,
    /// Numbers of a token within the feed-forward.
    pub intermediate: u64,
    /// Number of blocks.
    pub blocks: u64,
    /// Query heads of a block.
    pub heads: u64,
    /// Key and value heads of a block.
    pub kv_heads: u64,
    /// Numbers of a head.
    pub head_dim: u64,
    /// True where queries, keys and values have biases.
    pub qkv_bias: bool,
    /// True where each head of queries and keys has a norm.
    pub qk_norm: bool,
    /// True where the head is the embedding.
    pub tied: bool,
}

impl ModelSizes {
    /// Query heads on one of `tensor` ranks.
    pub fn local_heads(&self, tensor: u64) -> u64 {
        self.heads.div_ceil(tensor)
    }

    /// Key-value heads on one of `tensor` ranks, one at least.
    pub fn local_kv_heads(&self, tensor: u64) -> u64 {
        self.kv_heads.div_ceil(tensor)
    }

    /// Numbers of a token's queries on one of `tensor` ranks.
    pub(crate) fn query(&self, tensor: u64) -> u64 {
        self.local_heads(tensor) * self.head_dim
    }

    /// Numbers of a token's keys, and of its values, on one of `tensor` ranks.
    pub(crate) fn key(&self, tensor: u64) -> u64 {
        self.local_kv_heads(tensor) * self.head_dim
    }

    /// Numbers of the embedding on one of `tensor` ranks.
    pub(crate) fn embedding(&self, tensor: u64) -> u64 {
        self.vocab.div_ceil(tensor) * self.hidden
    }

    /// Numbers of the matrices of one block on one of `tensor` ranks.
    fn matrices(&self, tensor: u64) -> u64 {
        let attention = 2 * self.query(tensor) + 2 * self.key(tensor);
        self.hidden * (attention + 3 * self.intermediate.div_ceil(tensor))
    }

    /// Numbers of one block on one of `tensor` ranks.
    pub(crate) fn block(&self, tensor: u64) -> u64 {
        let bias = if self.qkv_bias { self.query(tensor) + 2 * self.key(tensor) } else { 0 };
        let norms = 2 * self.hidden + if self.qk_norm { 2 * self.head_dim } else { 0 };
        self.matrices(tensor) + bias + norms
    }

    /// Numbers of the language model's head on one of `tensor` ranks, a matrix of its own or the embedding.
    pub(crate) fn head(&self, tensor: u64) -> u64 {
        self.embedding(tensor)
    }

    /// Numbers of each part on one of `tensor` ranks, in the order of a weight store; without `has_head` there is no
    /// language model's head.
    pub(crate) fn parts(&self, tensor: u64, has_head: bool) -> impl Iterator<Item = u64> {
        let head = (has_head && !self.tied).then(|| self.head(tensor));
        let blocks = std::iter::repeat_n(self.block(tensor), self.blocks as usize);
        std::iter::once(self.embedding(tensor)).chain(blocks).chain([self.hidden]).chain(head)
    }

    /// Numbers that one rank holds of all parts, each cut into `shard` pieces of one length.
    pub(crate) fn piece(&self, tensor: u64, shard: u64, has_head: bool) -> u64 {
        self.parts(tensor, has_head).map(|part| part.div_ceil(shard)).sum()
    }

    /// Number of parameters.
    pub fn num_parameters(&self) -> u64 {
        self.piece(1, 1, true)
    }

    /// Numbers of a token in the key-value cache, on one of `tensor` ranks.
    pub(crate) fn cached_token(&self, tensor: u64) -> u64 {
        2 * self.blocks * self.key(tensor)
    }

    /// True where `tensor` ranks can share the matrices: whole heads for each. Width and vocabulary need not divide.
    pub fn fits_tensor(&self, tensor: u64) -> bool {
        share_heads(self.heads, self.kv_heads, tensor) && self.vocab.min(self.intermediate) >= tensor
    }

    /// True where `context` ranks can share the heads that each of `tensor` ranks has.
    pub fn fits_context(&self, tensor: u64, context: u64) -> bool {
        share_heads(self.local_heads(tensor), self.local_kv_heads(tensor), context)
    }

    /// Operations of one token's forward pass through the matrices of all blocks: two a number.
    pub(crate) fn token_operations(&self) -> f64 {
        2.0 * (self.blocks * self.matrices(1)) as f64
    }

    /// Operations of one token that attends to another, in all blocks: query times key, and weight times value.
    pub(crate) fn pair_operations(&self) -> f64 {
        4.0 * (self.blocks * self.query(1)) as f64
    }

    /// Operations of one target's forward pass through the language model's head.
    pub(crate) fn target_operations(&self) -> f64 {
        2.0 * (self.hidden * self.vocab) as f64
    }
}

/// True where so many ranks can have as many query heads each, with the key-value heads that these need: a share of
/// them, or a copy of one.
fn share_heads(heads: u64, kv_heads: u64, ranks: u64) -> bool {
    heads.is_multiple_of(ranks) && (kv_heads.is_multiple_of(ranks) || ranks.is_multiple_of(kv_heads))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The sizes that Qwen publishes of Qwen2.5-32B.
    pub(crate) const QWEN_32B: ModelSizes = ModelSizes {
        vocab: 152_064,
        hidden: 5120,
        intermediate: 27_648,
        blocks: 64,
        heads: 40,
        kv_heads: 8,
        head_dim: 128,
        qkv_bias: true,
        qk_norm: false,
        tied: false,
    };

    /// The sizes that Qwen publishes of Qwen2.5-1.5B.
    const QWEN_1_5B: ModelSizes = ModelSizes {
        vocab: 151_936,
        hidden: 1536,
        intermediate: 8960,
        blocks: 28,
        heads: 12,
        kv_heads: 2,
        head_dim: 128,
        qkv_bias: true,
        qk_norm: false,
        tied: true,
    };

    #[test]
    fn a_32b_model_has_its_published_size() {
        // 32.8 billion, 31.0 without the embeddings (the model card).
        assert_eq!(QWEN_32B.num_parameters(), 32_763_876_352);
        let without = QWEN_32B.num_parameters() - 2 * QWEN_32B.embedding(1);
        assert_eq!(without, 31_206_740_992);
        assert_eq!(QWEN_32B.cached_token(1) * 2, 256 * 1024); // bytes in bfloat16
    }

    #[test]
    fn pieces_hold_every_number_and_little_more() {
        for (tensor, shard) in [(1, 1), (2, 8), (8, 2), (8, 32)] {
            let held = QWEN_32B.piece(tensor, shard, true) * tensor * shard;
            let share = held as f64 / QWEN_32B.num_parameters() as f64;
            assert!((1.0..1.0005).contains(&share), "{tensor} {shard}: {share}");
        }
    }

    fn lengths(fits: impl Fn(u64) -> bool) -> Vec<u64> {
        (1..=64).filter(|length| fits(*length)).collect()
    }

    #[test]
    fn tensor_ranks_share_whole_heads() {
        assert_eq!(lengths(|tensor| QWEN_32B.fits_tensor(tensor)), [1, 2, 4, 8, 40]);
        assert_eq!(lengths(|tensor| QWEN_1_5B.fits_tensor(tensor)), [1, 2, 4, 6, 12]);
        let odd = ModelSizes { vocab: 151_937, intermediate: 8961, ..QWEN_1_5B };
        assert!(odd.fits_tensor(4) && !ModelSizes { vocab: 3, ..odd }.fits_tensor(4));
    }

    #[test]
    fn context_ranks_share_the_heads_of_a_tensor_rank() {
        assert_eq!(lengths(|context| QWEN_32B.fits_context(1, context)), [1, 2, 4, 8, 40]);
        assert_eq!(lengths(|context| QWEN_32B.fits_context(4, context)), [1, 2, 10]);
        assert_eq!(lengths(|context| QWEN_32B.fits_context(8, context)), [1, 5]);
    }

    #[test]
    fn each_rank_has_a_copy_of_a_key_value_head() {
        // q and o of 3 heads, k and v of one head of two; a quarter of the feed-forward; biases; two whole norms.
        let matrices = 1536 * (2 * 3 * 128 + 2 * 128 + 3 * 2240);
        assert_eq!(QWEN_1_5B.block(4), matrices + (3 + 2) * 128 + 2 * 1536);
        assert_eq!(QWEN_1_5B.cached_token(4), QWEN_1_5B.cached_token(2));
    }
}
