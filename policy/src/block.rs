//! One transformer block: attention and a gated feed-forward, each behind a norm and added to the residual stream.
//!
//! q, k and v are one matrix product, gate and up another; the names that Hugging Face gives the parts are views of
//! these (see `parameters.rs`).

use tch::Tensor;

use crate::attention::Attention;
use crate::config::{Architecture, ModelConfig};
use crate::linear::{Linear, RmsNorm};
use crate::placement::Placement;
use crate::rotary::Rotary;

/// One block's weights and its sizes.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) input_layernorm: RmsNorm,
    /// `[(heads + 2 kv_heads) head_dim, hidden]`
    pub(crate) qkv_proj: Linear,
    /// Qwen3's norms over each head of q and of k.
    pub(crate) qk_norm: Option<(RmsNorm, RmsNorm)>,
    pub(crate) o_proj: Linear,
    pub(crate) post_attention_layernorm: RmsNorm,
    /// `[2 intermediate, hidden]`
    pub(crate) gate_up_proj: Linear,
    pub(crate) down_proj: Linear,
    num_heads: i64,
    num_kv_heads: i64,
    head_dim: i64,
}

impl Block {
    /// A block whose matrices are zero.
    pub(crate) fn empty(config: &ModelConfig, placement: Placement) -> Self {
        let (hidden, head_dim) = (config.hidden_size, config.head_dim);
        let (num_heads, num_kv_heads) = (config.num_attention_heads, config.num_key_value_heads);
        let norm = |size| RmsNorm::new(size, config.rms_norm_eps, placement);
        let qkv_bias = config.architecture == Architecture::Qwen2;
        Self {
            input_layernorm: norm(hidden),
            qkv_proj: Linear::empty((num_heads + 2 * num_kv_heads) * head_dim, hidden, qkv_bias, placement),
            qk_norm: (config.architecture == Architecture::Qwen3).then(|| (norm(head_dim), norm(head_dim))),
            o_proj: Linear::empty(hidden, num_heads * head_dim, false, placement),
            post_attention_layernorm: norm(hidden),
            gate_up_proj: Linear::empty(2 * config.intermediate_size, hidden, false, placement),
            down_proj: Linear::empty(hidden, config.intermediate_size, false, placement),
            num_heads,
            num_kv_heads,
            head_dim,
        }
    }

    /// `[tokens, hidden]` -> `[tokens, hidden]`.
    pub(crate) fn forward(&self, layer: usize, x: &Tensor, rotary: &Rotary, attention: &mut dyn Attention) -> Tensor {
        let x = x + self.attend(layer, &self.input_layernorm.forward(x), rotary, attention);
        &x + self.feed_forward(&self.post_attention_layernorm.forward(&x))
    }

    fn attend(&self, layer: usize, x: &Tensor, rotary: &Rotary, attention: &mut dyn Attention) -> Tensor {
        let heads = self.num_heads + 2 * self.num_kv_heads;
        let qkv = self.qkv_proj.forward(x).view([-1, heads, self.head_dim]); // [tokens, heads + 2 kv_heads, head_dim]
        let value = qkv.narrow(1, self.num_heads + self.num_kv_heads, self.num_kv_heads);
        let query_key = match &self.qk_norm {
            None => rotary.rotate(&qkv.narrow(1, 0, self.num_heads + self.num_kv_heads)),
            Some((q_norm, k_norm)) => {
                let query = q_norm.forward(&qkv.narrow(1, 0, self.num_heads));
                let key = k_norm.forward(&qkv.narrow(1, self.num_heads, self.num_kv_heads));
                rotary.rotate(&Tensor::cat(&[query, key], 1))
            }
        };
        let query = query_key.narrow(1, 0, self.num_heads);
        let key = query_key.narrow(1, self.num_heads, self.num_kv_heads);
        let attended = attention.attend(layer, &query, &key, &value); // [tokens, heads, head_dim]
        self.o_proj.forward(&attended.reshape([-1, self.num_heads * self.head_dim]))
    }

    fn feed_forward(&self, x: &Tensor) -> Tensor {
        let gate_up = self.gate_up_proj.forward(x).chunk(2, -1); // [tokens, intermediate] twice
        self.down_proj.forward(&(gate_up[0].silu() * &gate_up[1]))
    }
}
