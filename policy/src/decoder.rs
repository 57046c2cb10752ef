//! The decoder: embedding, blocks, final norm, and the language model's head.
//!
//! Everything is packed: `[tokens, hidden]`, whatever sequences the tokens belong to. The pieces are public one by one,
//! so that training can keep each block's input and recompute, and whole as [`Decoder::hidden`].

use tch::{Device, Kind, Tensor};

use crate::attention::Attention;
use crate::block::Block;
use crate::config::ModelConfig;
use crate::linear::RmsNorm;
use crate::placement::Placement;
use crate::rotary::{Rotary, RotaryFrequencies};

/// A decoder-only transformer of the Qwen2, Qwen3 or Llama family.
#[derive(Debug)]
pub struct Decoder {
    config: ModelConfig,
    /// `[vocab, hidden]`
    pub(crate) embed_tokens: Tensor,
    pub(crate) blocks: Vec<Block>,
    pub(crate) norm: RmsNorm,
    /// `[vocab, hidden]`; absent where it is tied to the embedding.
    pub(crate) lm_head: Option<Tensor>,
    frequencies: RotaryFrequencies,
}

impl Decoder {
    /// A decoder whose matrices are zero, to be filled from weights or at random. Without `head` it has no language
    /// model's head of its own.
    pub(crate) fn empty(config: &ModelConfig, head: bool, placement: Placement) -> Self {
        let table = || Tensor::zeros([config.vocab_size, config.hidden_size], placement.options());
        Self {
            embed_tokens: table(),
            blocks: (0..config.num_hidden_layers).map(|_| Block::empty(config, placement)).collect(),
            norm: RmsNorm::new(config.hidden_size, config.rms_norm_eps, placement),
            lm_head: (head && !config.tie_word_embeddings).then(table),
            frequencies: RotaryFrequencies::new(config, placement.device),
            config: config.clone(),
        }
    }

    /// The configuration that the decoder was built from.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The device of weights and activations.
    pub fn device(&self) -> Device {
        self.embed_tokens.device()
    }

    /// The dtype of weights and activations.
    pub fn kind(&self) -> Kind {
        self.embed_tokens.kind()
    }

    /// Device and dtype together.
    pub fn placement(&self) -> Placement {
        Placement { device: self.device(), kind: self.kind() }
    }

    /// `ids` `[tokens]` int64 -> `[tokens, hidden]`.
    pub fn embed(&self, ids: &Tensor) -> Tensor {
        Tensor::embedding(&self.embed_tokens, ids, -1, false, false)
    }

    /// cos and sin for `positions` `[tokens]` int64.
    pub fn rotary(&self, positions: &Tensor) -> Rotary {
        self.frequencies.at(positions, self.kind())
    }

    /// The number of blocks, `num_hidden_layers` of the configuration.
    pub fn num_blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Block `layer`, from 0: `x` `[tokens, hidden]` -> `[tokens, hidden]`.
    pub fn block(&self, layer: usize, x: &Tensor, rotary: &Rotary, attention: &mut dyn Attention) -> Tensor {
        self.blocks[layer].forward(layer, x, rotary, attention)
    }

    /// The final norm: `[tokens, hidden]` -> `[tokens, hidden]`.
    pub fn final_norm(&self, x: &Tensor) -> Tensor {
        self.norm.forward(x)
    }

    /// Hidden states after the final norm, `[tokens, hidden]`, of `ids` and `positions`, `[tokens]` int64 each.
    pub fn hidden(&self, ids: &Tensor, positions: &Tensor, attention: &mut dyn Attention) -> Tensor {
        let rotary = self.rotary(positions);
        let mut x = self.embed(ids);
        for layer in 0..self.num_blocks() {
            x = self.block(layer, &x, &rotary, attention);
        }
        self.final_norm(&x)
    }

    /// The weight of the language model's head, `[vocab, hidden]`: a matrix of its own, or the embedding where tied.
    pub fn head(&self) -> &Tensor {
        self.lm_head.as_ref().unwrap_or(&self.embed_tokens)
    }

    /// Logits of hidden states: `[tokens, hidden]` -> `[tokens, vocab]`, float32.
    pub fn logits(&self, hidden: &Tensor) -> Tensor {
        hidden.linear(self.head(), None::<&Tensor>).to_kind(Kind::Float)
    }
}
