//! Names and shapes of a model's parameters, and the decoder's tensors under these names.
//!
//! [`parameter_shapes`] is arithmetic on a config alone: it allocates nothing, so a 32B model is checked on any
//! machine.

use tch::Tensor;

use crate::config::{Architecture, ModelConfig};
use crate::decoder::Decoder;
use crate::weights::NamedTensors;

/// A parameter as a checkpoint stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterShape {
    /// Name in Hugging Face's layout.
    pub name: String,
    /// Sizes of the dimensions, as stored: a matrix is `[out, in]`.
    pub shape: Vec<i64>,
}

/// A tensor that training updates. The decoder stores q, k and v (and gate and up) as one tensor, so there are fewer of
/// these than of the parts a checkpoint names.
#[derive(Debug)]
pub struct Parameter {
    /// Name as in a checkpoint, but `qkv_proj` and `gate_up_proj` for what is stored as one.
    pub name: String,
    /// The decoder's own tensor: it shares the storage.
    pub tensor: Tensor,
}

/// Every parameter of the model's checkpoint, in file order, without the head where it is tied.
pub fn parameter_shapes(config: &ModelConfig) -> Vec<ParameterShape> {
    let mut shapes = Vec::new();
    let mut add = |name: String, shape: &[i64]| shapes.push(ParameterShape { name, shape: shape.to_vec() });
    let (hidden, intermediate) = (config.hidden_size, config.intermediate_size);
    let query = config.num_attention_heads * config.head_dim;
    let key = config.num_key_value_heads * config.head_dim;
    add("model.embed_tokens.weight".into(), &[config.vocab_size, hidden]);
    for layer in 0..config.num_hidden_layers {
        let name = |part: &str| format!("model.layers.{layer}.{part}");
        add(name("input_layernorm.weight"), &[hidden]);
        for (part, out) in [("q_proj", query), ("k_proj", key), ("v_proj", key)] {
            add(name(&format!("self_attn.{part}.weight")), &[out, hidden]);
            if config.architecture == Architecture::Qwen2 {
                add(name(&format!("self_attn.{part}.bias")), &[out]);
            }
        }
        if config.architecture == Architecture::Qwen3 {
            add(name("self_attn.q_norm.weight"), &[config.head_dim]);
            add(name("self_attn.k_norm.weight"), &[config.head_dim]);
        }
        add(name("self_attn.o_proj.weight"), &[hidden, query]);
        add(name("post_attention_layernorm.weight"), &[hidden]);
        add(name("mlp.gate_proj.weight"), &[intermediate, hidden]);
        add(name("mlp.up_proj.weight"), &[intermediate, hidden]);
        add(name("mlp.down_proj.weight"), &[hidden, intermediate]);
    }
    add("model.norm.weight".into(), &[hidden]);
    if !config.tie_word_embeddings {
        add("lm_head.weight".into(), &[config.vocab_size, hidden]);
    }
    shapes
}

impl Decoder {
    /// The tensors that training updates: the decoder's own, sharing their storage.
    pub fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = Vec::new();
        let mut add = |name: String, tensor: &Tensor| {
            parameters.push(Parameter { name, tensor: tensor.shallow_clone() });
        };
        add("model.embed_tokens.weight".into(), &self.embed_tokens);
        for (layer, block) in self.blocks.iter().enumerate() {
            let name = |part: &str| format!("model.layers.{layer}.{part}");
            add(name("input_layernorm.weight"), &block.input_layernorm.weight);
            add(name("self_attn.qkv_proj.weight"), &block.qkv_proj.weight);
            if let Some(bias) = &block.qkv_proj.bias {
                add(name("self_attn.qkv_proj.bias"), bias);
            }
            if let Some((q_norm, k_norm)) = &block.qk_norm {
                add(name("self_attn.q_norm.weight"), &q_norm.weight);
                add(name("self_attn.k_norm.weight"), &k_norm.weight);
            }
            add(name("self_attn.o_proj.weight"), &block.o_proj.weight);
            add(name("post_attention_layernorm.weight"), &block.post_attention_layernorm.weight);
            add(name("mlp.gate_up_proj.weight"), &block.gate_up_proj.weight);
            add(name("mlp.down_proj.weight"), &block.down_proj.weight);
        }
        add("model.norm.weight".into(), &self.norm.weight);
        if let Some(head) = &self.lm_head {
            add("lm_head.weight".into(), head);
        }
        parameters
    }

    /// The decoder's weights under the names of a checkpoint, in the order of [`parameter_shapes`]; each shares its
    /// storage with the decoder.
    pub fn state(&self) -> NamedTensors {
        self.parameters().iter().flat_map(|parameter| self.split(&parameter.name, &parameter.tensor)).collect()
    }

    /// Splits one of [`Decoder::parameters`], or a tensor laid out like it (its gradient, say), into the parts that a
    /// checkpoint names; each part shares its storage.
    pub fn split(&self, name: &str, tensor: &Tensor) -> NamedTensors {
        let config = self.config();
        let query = config.num_attention_heads * config.head_dim;
        let key = config.num_key_value_heads * config.head_dim;
        let fused: [(&str, &[(&str, i64)]); 2] = [
            ("qkv_proj", &[("q_proj", query), ("k_proj", key), ("v_proj", key)]),
            ("gate_up_proj", &[("gate_proj", config.intermediate_size), ("up_proj", config.intermediate_size)]),
        ];
        for (whole, parts) in fused {
            if name.contains(whole) {
                let split = parts.iter().scan(0, |start, (part, size)| {
                    *start += size;
                    Some((name.replace(whole, part), tensor.narrow(0, *start - size, *size)))
                });
                return split.collect();
            }
        }
        vec![(name.to_owned(), tensor.shallow_clone())]
    }
}
