//! One transformer block: attention and a gated feed-forward, each behind a norm and added to the residual stream.
//!
//! What a block computes ([`BlockShape`]: numbers) stands apart from the weights that it computes with
//! ([`BlockWeights`]: tensors that a [weight store](crate::WeightStore) hands out and takes back). q, k and v are one
//! matrix product, gate and up another; the names that Hugging Face gives the parts are rows of these (see
//! `parameters.rs`).

use std::sync::Arc;

use dist::GraphGroup;
use kernels::ChainMatrix;
use tch::Tensor;

use crate::attention::Attention;
use crate::chain_block::ChainBlock;
use crate::config::ModelConfig;
use crate::exact::Exact;
use crate::linear::rms_norm;
use crate::placement::Placement;
use crate::product_time::product;
use crate::rotary::Rotary;

/// Sizes of a block, the same for every block of a model: of the whole, or of one rank's share.
#[derive(Clone, Debug)]
pub(crate) struct BlockShape {
    /// Ranks that have the other shares.
    ranks: Option<Arc<GraphGroup>>,
    /// Operators that compute it exactly, where that is asked for.
    exact: Option<Arc<Exact>>,
    num_heads: i64,
    num_kv_heads: i64,
    head_dim: i64,
    rms_norm_eps: f64,
}

/// Weights of one block.
#[derive(Debug)]
pub struct BlockWeights {
    /// `[hidden]`
    pub input_layernorm: Tensor,
    /// `[(heads + 2 kv_heads) head_dim, hidden]`
    pub qkv_proj: Tensor,
    /// `[(heads + 2 kv_heads) head_dim]`, where the family has biases.
    pub qkv_bias: Option<Tensor>,
    /// Norms over each head of q and of k, `[head_dim]` each, where the family has them.
    pub qk_norm: Option<(Tensor, Tensor)>,
    /// `[hidden, heads head_dim]`
    pub o_proj: Tensor,
    /// `[hidden]`
    pub post_attention_layernorm: Tensor,
    /// `[2 intermediate, hidden]`
    pub gate_up_proj: Tensor,
    /// `[hidden, intermediate]`
    pub down_proj: Tensor,
}

impl BlockWeights {
    /// Weights of a block whose matrices are zero and whose norms are 1.
    pub(crate) fn empty(config: &ModelConfig, placement: Placement) -> Self {
        let weights = Self::shaped(config, |shape| Tensor::zeros(shape, placement.options()));
        let of_heads = weights.qk_norm.iter().flat_map(|(q_norm, k_norm)| [q_norm, k_norm]);
        for norm in [&weights.input_layernorm, &weights.post_attention_layernorm].into_iter().chain(of_heads) {
            let _ = norm.shallow_clone().fill_(1.0);
        }
        weights
    }

    /// Weights of a block, each of which is made of its shape.
    pub(crate) fn shaped(config: &ModelConfig, make: impl Fn(&[i64]) -> Tensor) -> Self {
        let family = config.architecture.family();
        let (hidden, head_dim) = (config.hidden_size, config.head_dim);
        let query = config.num_attention_heads * head_dim;
        let qkv = query + 2 * config.num_key_value_heads * head_dim;
        Self {
            input_layernorm: make(&[hidden]),
            qkv_proj: make(&[qkv, hidden]),
            qkv_bias: family.qkv_bias.then(|| make(&[qkv])),
            qk_norm: family.qk_norm.then(|| (make(&[head_dim]), make(&[head_dim]))),
            o_proj: make(&[hidden, query]),
            post_attention_layernorm: make(&[hidden]),
            gate_up_proj: make(&[2 * config.intermediate_size, hidden]),
            down_proj: make(&[hidden, config.intermediate_size]),
        }
    }

    /// The tensors in the order of their names in `parameters.rs`.
    pub fn tensors(&self) -> Vec<&Tensor> {
        let mut tensors = vec![&self.input_layernorm, &self.qkv_proj];
        tensors.extend(&self.qkv_bias);
        if let Some((q_norm, k_norm)) = &self.qk_norm {
            tensors.extend([q_norm, k_norm]);
        }
        tensors.extend([&self.o_proj, &self.post_attention_layernorm, &self.gate_up_proj, &self.down_proj]);
        tensors
    }

    /// The weights of a block from its tensors, in the order of [`BlockWeights::tensors`] and as many.
    pub(crate) fn from_tensors(config: &ModelConfig, tensors: Vec<Tensor>) -> Self {
        let family = config.architecture.family();
        let mut tensors = tensors.into_iter();
        let mut next = || tensors.next().expect("as many tensors as a block has");
        Self {
            input_layernorm: next(),
            qkv_proj: next(),
            qkv_bias: family.qkv_bias.then(&mut next),
            qk_norm: family.qk_norm.then(|| (next(), next())),
            o_proj: next(),
            post_attention_layernorm: next(),
            gate_up_proj: next(),
            down_proj: next(),
        }
    }

    /// The same weights as leaves of a new graph: they share the memory, and a gradient can be asked for each.
    pub(crate) fn leaves(&self) -> Self {
        let leaf = |tensor: &Tensor| tensor.detach().set_requires_grad(true);
        Self {
            input_layernorm: leaf(&self.input_layernorm),
            qkv_proj: leaf(&self.qkv_proj),
            qkv_bias: self.qkv_bias.as_ref().map(leaf),
            qk_norm: self.qk_norm.as_ref().map(|(q_norm, k_norm)| (leaf(q_norm), leaf(k_norm))),
            o_proj: leaf(&self.o_proj),
            post_attention_layernorm: leaf(&self.post_attention_layernorm),
            gate_up_proj: leaf(&self.gate_up_proj),
            down_proj: leaf(&self.down_proj),
        }
    }
}

impl BlockShape {
    /// `config` is that of the share where there are `ranks` that have the others.
    pub(crate) fn new(config: &ModelConfig, ranks: Option<Arc<GraphGroup>>) -> Self {
        Self {
            ranks,
            exact: None,
            num_heads: config.num_attention_heads,
            num_kv_heads: config.num_key_value_heads,
            head_dim: config.head_dim,
            rms_norm_eps: config.rms_norm_eps,
        }
    }

    /// Operators that compute it exactly, where that is asked for.
    pub(crate) fn exact(&self) -> Option<&Arc<Exact>> {
        self.exact.as_ref()
    }

    /// Has these operators compute it, or libtorch's.
    pub(crate) fn set_exact(&mut self, exact: Option<Arc<Exact>>) {
        self.exact = exact;
    }

    /// `x` over the root of its mean square, times `weight`.
    pub(crate) fn norm(&self, x: &Tensor, weight: &Tensor) -> Tensor {
        match &self.exact {
            None => rms_norm(x, weight, self.rms_norm_eps),
            Some(exact) => exact.rms_norm(x, weight, self.rms_norm_eps),
        }
    }

    fn product(&self, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, chains: Option<&ChainMatrix>) -> Tensor {
        product(x, weight, bias, self.exact.as_deref(), chains)
    }

    /// `[tokens, hidden]` -> `[tokens, hidden]`. `layer` is handed on to `attention`. Exact products are taken
    /// with the packed weights where they are given: those of the same block.
    pub(crate) fn forward(
        &self,
        weights: &BlockWeights,
        chains: Option<&ChainBlock>,
        layer: usize,
        x: &Tensor,
        rotary: &Rotary,
        attention: &mut dyn Attention,
    ) -> Tensor {
        let normed = self.to_shares(self.norm(x, &weights.input_layernorm));
        let x = x + self.of_shares(self.attend(weights, chains, layer, &normed, rotary, attention));
        let normed = self.to_shares(self.norm(&x, &weights.post_attention_layernorm));
        &x + self.of_shares(self.feed_forward(weights, chains, &normed))
    }

    /// What every rank's share is computed from, `[tokens, hidden]`.
    fn to_shares(&self, x: Tensor) -> Tensor {
        match &self.ranks {
            None => x,
            Some(ranks) => ranks.spread(&x),
        }
    }

    /// The sum of what every rank's share gives, `[tokens, hidden]`.
    fn of_shares(&self, x: Tensor) -> Tensor {
        match &self.ranks {
            None => x,
            Some(ranks) => ranks.sum(&x),
        }
    }

    fn attend(
        &self,
        weights: &BlockWeights,
        chains: Option<&ChainBlock>,
        layer: usize,
        x: &Tensor,
        rotary: &Rotary,
        attention: &mut dyn Attention,
    ) -> Tensor {
        let heads = self.num_heads + 2 * self.num_kv_heads;
        let bias = weights.qkv_bias.as_ref();
        let qkv = self.product(x, &weights.qkv_proj, bias, chains.map(|chains| &chains.qkv_proj));
        let qkv = qkv.view([-1, heads, self.head_dim]); // [tokens, heads + 2 kv_heads, head_dim]
        let sizes = [self.num_heads, self.num_kv_heads];
        let (query_key, value) = head_parts(&qkv, [self.num_heads + self.num_kv_heads, self.num_kv_heads]);
        let query_key = match &weights.qk_norm {
            None => rotary.rotate(&query_key),
            Some((q_norm, k_norm)) => {
                let (query, key) = head_parts(&query_key, sizes);
                let query = self.norm(&query, q_norm);
                let key = self.norm(&key, k_norm);
                rotary.rotate(&Tensor::cat(&[query, key], 1))
            }
        };
        let (query, key) = head_parts(&query_key, sizes);
        let attended = attention.attend(layer, &query, &key, &value); // [tokens, heads, head_dim]
        let attended = attended.reshape([-1, self.num_heads * self.head_dim]);
        self.product(&attended, &weights.o_proj, None, chains.map(|chains| &chains.o_proj))
    }

    fn feed_forward(&self, weights: &BlockWeights, chains: Option<&ChainBlock>, x: &Tensor) -> Tensor {
        let gate_up = self.product(x, &weights.gate_up_proj, None, chains.map(|chains| &chains.gate_up_proj));
        let gated = match &self.exact {
            None => {
                let gate_up = gate_up.chunk(2, -1); // [tokens, intermediate] twice
                gate_up[0].silu() * &gate_up[1]
            }
            Some(exact) => exact.gate(&gate_up),
        };
        self.product(&gated, &weights.down_proj, None, chains.map(|chains| &chains.down_proj))
    }
}

/// Two parts of `[tokens, heads, head_dim]` with so many heads each, whose gradients are laid side by side at once.
fn head_parts(x: &Tensor, heads: [i64; 2]) -> (Tensor, Tensor) {
    let mut parts = x.split_with_sizes(heads, 1).into_iter();
    let mut part = || parts.next().expect("as many parts as sizes");
    (part(), part())
}
