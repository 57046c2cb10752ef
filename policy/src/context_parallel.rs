//! Ranks that walk through one batch of packed tokens together, each with a stretch of them.
//!
//! All but attention is computed token by token, so a rank does that for its stretch alone. For attention, rows of
//! tokens are exchanged for heads: every rank then has all tokens of its share of the heads, attends as one process
//! does, and the result goes back the same way (Ulysses, arXiv 2309.14509). Where there are fewer key-value heads than
//! ranks, a head is sent to all that need it. Weights are whole on every rank, and their gradients have to be summed
//! over the ranks: a store does that for which these ranks are replicas.

use std::ops::Range;
use std::sync::Arc;

use dist::{GraphGroup, Reduction};
use tch::Tensor;

use crate::config::ModelConfig;
use crate::error::PolicyError;

/// The ranks that have the stretches of a batch, in the order of its tokens.
#[derive(Clone, Debug)]
pub struct ContextParallel {
    group: Arc<GraphGroup>,
}

impl ContextParallel {
    /// The ranks of a group.
    pub fn new(group: &Arc<GraphGroup>) -> Self {
        Self { group: group.clone() }
    }

    /// Number of ranks.
    pub fn size(&self) -> usize {
        self.group.size()
    }

    /// Holds the heads of a decoder, as it [computes them here](crate::Decoder::local_config), to be such that the
    /// ranks can share them.
    ///
    /// # Errors
    /// They do not divide.
    pub fn fits(&self, local: &ModelConfig) -> Result<(), PolicyError> {
        let size = self.size() as i64;
        let (heads, kv_heads) = (local.num_attention_heads, local.num_key_value_heads);
        let goes = |size: i64| heads % size == 0 && (kv_heads % size == 0 || size % kv_heads == 0);
        if goes(size) {
            return Ok(());
        }
        let fitting: Vec<String> = (1..=heads).filter(|size| goes(*size)).map(|size| size.to_string()).collect();
        let reason = format!(
            "is {size}, over which {heads} heads and {kv_heads} key-value heads (num_attention_heads and \
             num_key_value_heads, of each rank of `parallel.tensor`) cannot be shared; choose one of {}",
            fitting.join(", ")
        );
        Err(PolicyError::Layout { field: "parallel.context", reason })
    }

    /// Sum of all ranks' tensors, without a graph: the same bits on each.
    pub fn summed(&self, tensor: &Tensor) -> Tensor {
        self.group.reduced(tensor, Reduction::Sum)
    }

    /// Holds everything that was computed with these ranks so far to be what it should.
    ///
    /// # Errors
    /// An operation between them failed.
    pub fn verify(&self) -> Result<(), PolicyError> {
        self.group.verify().map_err(PolicyError::Ranks)
    }
}

/// This rank's stretch of a batch.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    group: Arc<GraphGroup>,
    /// Tokens of the whole batch.
    num_tokens: i64,
    /// Number of targets that each rank has.
    target_counts: Vec<i64>,
}

impl Stretch {
    /// The stretch of a batch of `num_tokens` tokens, whose targets are read at `predicting`, in ascending order.
    pub(crate) fn new(context: &ContextParallel, num_tokens: i64, predicting: &[i64]) -> Self {
        let mut stretch = Self { group: context.group.clone(), num_tokens, target_counts: Vec::new() };
        let targets_before = |place: i64| predicting.partition_point(|at| *at < place) as i64;
        let count = |rank| targets_before((rank + 1) * stretch.length()) - targets_before(rank * stretch.length());
        stretch.target_counts = (0..stretch.size()).map(count).collect();
        stretch
    }

    fn size(&self) -> i64 {
        self.group.size() as i64
    }

    /// Tokens of every stretch; behind the batch's last token comes padding.
    pub(crate) fn length(&self) -> i64 {
        (self.num_tokens + self.size() - 1) / self.size()
    }

    /// Place of the stretch's first token in the batch.
    pub(crate) fn start(&self) -> i64 {
        self.group.rank() as i64 * self.length()
    }

    /// The stretch's part of `[tokens]`, zeros where it is padding.
    pub(crate) fn of(&self, tokens: &Tensor) -> Tensor {
        let start = self.start().min(self.num_tokens);
        let length = self.length().min(self.num_tokens - start);
        tokens.narrow(0, start, length).constant_pad_nd([0, self.length() - length])
    }

    /// Places of the stretch's targets among all.
    pub(crate) fn targets(&self) -> Range<i64> {
        let rank = self.group.rank();
        let start = self.target_counts[..rank].iter().sum();
        start..start + self.target_counts[rank]
    }

    /// Number of targets of all stretches.
    pub(crate) fn num_targets(&self) -> i64 {
        self.target_counts.iter().sum()
    }

    /// Numbers of all ranks' targets `[targets]`, of which this rank has `own`; without a graph.
    pub(crate) fn gather_targets(&self, own: &Tensor) -> Tensor {
        let most = self.target_counts.iter().copied().max().unwrap_or(0);
        let all = self.group.gathered(&own.constant_pad_nd([0, most - own.size()[0]])); // [ranks, most]
        let parts = all.unbind(0).into_iter().zip(&self.target_counts).map(|(part, count)| part.narrow(0, 0, *count));
        Tensor::cat(&parts.collect::<Vec<_>>(), 0)
    }

    /// From the stretch's tokens with all heads, `[length, heads, head_dim]` of queries and `[length, kv_heads,
    /// head_dim]` of keys and values, to all tokens with this rank's share of the heads.
    pub(crate) fn to_heads(&self, query: &Tensor, key: &Tensor, value: &Tensor) -> [Tensor; 3] {
        let (heads, kv_heads, head_dim) = (query.size()[1], key.size()[1], query.size()[2]);
        let own_heads = heads / self.size();
        let queries = heads / kv_heads; // that share a key-value head
        let needed = |rank: i64| rank * own_heads / queries..((rank + 1) * own_heads - 1) / queries + 1;
        let of_ranks: Vec<i64> = (0..self.size()).flat_map(needed).collect();
        let own_kv_heads = of_ranks.len() as i64 / self.size();
        let of_ranks = Tensor::from_slice(&of_ranks).to_device(key.device());
        let shared = |x: &Tensor| {
            if own_kv_heads * self.size() == kv_heads { x.shallow_clone() } else { x.index_select(1, &of_ranks) }
        };
        let by_rank = |x: &Tensor, own: i64| x.reshape([self.length(), self.size(), own, head_dim]);
        let sizes = [own_heads, own_kv_heads, own_kv_heads];
        let sent = Tensor::cat(
            &[by_rank(query, sizes[0]), by_rank(&shared(key), sizes[1]), by_rank(&shared(value), sizes[2])],
            2,
        ); // [length, ranks, heads of all three, head_dim]
        let sent = sent.transpose(0, 1).reshape([self.size() * self.length(), sizes.iter().sum(), head_dim]);
        let received = self.group.exchange(&sent).narrow(0, 0, self.num_tokens);
        let mut parts = received.split_with_sizes(sizes, 1).into_iter();
        std::array::from_fn(|_| parts.next().expect("as many parts as sizes"))
    }

    /// From all tokens with this rank's share of the heads, `[tokens, heads / ranks, head_dim]`, to the stretch's
    /// tokens with all heads, `[length, heads, head_dim]`.
    pub(crate) fn to_tokens(&self, attended: &Tensor) -> Tensor {
        let (own_heads, head_dim) = (attended.size()[1], attended.size()[2]);
        let padding = self.size() * self.length() - self.num_tokens;
        let received = self.group.exchange(&attended.constant_pad_nd([0, 0, 0, 0, 0, padding]));
        received.view([self.size(), self.length(), own_heads, head_dim]).transpose(0, 1).reshape([
            self.length(),
            self.size() * own_heads,
            head_dim,
        ])
    }
}
