//! From a decoder's configuration to the sizes that plans are made of.
//!
//! `planner` knows no configuration and `policy` no plan. The tests of `learner`, which hold one against the other,
//! take this file in.

use planner::ModelSizes;
use policy::{ModelConfig, parameter_shapes};

/// The sizes of a decoder.
pub(crate) fn sizes(config: &ModelConfig) -> ModelSizes {
    let of = |size: i64| size.unsigned_abs();
    let shapes = parameter_shapes(config);
    let has = |end: &str| shapes.iter().any(|parameter| parameter.name.ends_with(end));
    ModelSizes {
        vocab: of(config.vocab_size),
        hidden: of(config.hidden_size),
        intermediate: of(config.intermediate_size),
        blocks: of(config.num_hidden_layers),
        heads: of(config.num_attention_heads),
        kv_heads: of(config.num_key_value_heads),
        head_dim: of(config.head_dim),
        qkv_bias: has("q_proj.bias"),
        qk_norm: has("q_norm.weight"),
        tied: config.tie_word_embeddings,
    }
}
