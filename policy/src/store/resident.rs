//! Weights that stay on one device, whole.

use tch::{Device, Kind, Tensor};

use super::weight_store::{Lent, Part, WeightStore};
use crate::block::BlockWeights;
use crate::config::ModelConfig;
use crate::parameters::{Parameter, block_parameters, embedding_parameter, final_norm_parameter, head_parameter};
use crate::placement::Placement;

/// All weights of a decoder, and the gradients that an update gathers.
#[derive(Debug)]
pub struct Resident {
    config: ModelConfig,
    /// `[vocab, hidden]`
    embed_tokens: Tensor,
    blocks: Vec<BlockWeights>,
    /// `[hidden]`
    norm: Tensor,
    /// `[vocab, hidden]`; absent where it is tied to the embedding.
    lm_head: Option<Tensor>,
    /// Float32, in the order of the parameters; a gradient is absent until the first is added.
    gradients: Vec<Option<Tensor>>,
}

impl Resident {
    /// Weights whose matrices are zero, to be filled. Without `head` there is no language model's head of its own.
    pub(crate) fn empty(config: &ModelConfig, head: bool, placement: Placement) -> Self {
        let table = || Tensor::zeros([config.vocab_size, config.hidden_size], placement.options());
        let mut store = Self {
            embed_tokens: table(),
            blocks: (0..config.num_hidden_layers).map(|_| BlockWeights::empty(config, placement)).collect(),
            norm: Tensor::ones([config.hidden_size], placement.options()),
            lm_head: (head && !config.tie_word_embeddings).then(table),
            gradients: Vec::new(),
            config: config.clone(),
        };
        store.clear_gradients();
        store
    }

    /// Number of parameters of one block.
    fn block_size(&self) -> usize {
        self.blocks.first().map_or(0, |block| block.tensors().len())
    }

    /// Place of a part's first parameter.
    fn first(&self, part: Part) -> usize {
        let behind_blocks = 1 + self.blocks.len() * self.block_size();
        match part {
            Part::Embedding => 0,
            Part::Block(layer) => 1 + layer * self.block_size(),
            Part::FinalNorm => behind_blocks,
            Part::Head => behind_blocks + 1,
        }
    }
}

impl WeightStore for Resident {
    fn embedding(&self) -> Tensor {
        self.embed_tokens.shallow_clone()
    }

    fn block(&self, layer: usize) -> Lent<'_> {
        Lent::Resident(&self.blocks[layer])
    }

    fn final_norm(&self) -> Tensor {
        self.norm.shallow_clone()
    }

    fn head(&self) -> Tensor {
        self.lm_head.as_ref().unwrap_or(&self.embed_tokens).shallow_clone()
    }

    fn release(&self, _part: Part) {}

    fn head_part(&self) -> Part {
        if self.lm_head.is_some() { Part::Head } else { Part::Embedding }
    }

    fn add_gradients(&mut self, part: Part, gradients: Vec<Tensor>) {
        let first = self.first(part);
        for (sum, gradient) in self.gradients[first..].iter_mut().zip(gradients) {
            match sum {
                Some(sum) => tch::no_grad(|| *sum += gradient),
                None => *sum = Some(gradient.to_kind(Kind::Float)),
            }
        }
    }

    fn take_gradient(&mut self, part: Part) -> Option<Tensor> {
        let place = self.first(part);
        self.gradients[place].take()
    }

    fn put_gradient(&mut self, part: Part, gradient: Tensor) {
        let place = self.first(part);
        self.gradients[place] = Some(gradient);
    }

    fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = vec![embedding_parameter(&self.embed_tokens)];
        for (layer, block) in self.blocks.iter().enumerate() {
            parameters.extend(block_parameters(&self.config, layer, block));
        }
        parameters.push(final_norm_parameter(&self.norm));
        parameters.extend(self.lm_head.as_ref().map(head_parameter));
        parameters
    }

    fn gradients(&self) -> Vec<Option<Tensor>> {
        self.gradients.iter().map(|gradient| gradient.as_ref().map(Tensor::shallow_clone)).collect()
    }

    fn clear_gradients(&mut self) {
        let count = self.first(Part::Head) + usize::from(self.lm_head.is_some());
        self.gradients = std::iter::repeat_with(|| None).take(count).collect();
    }

    fn blank(&self) -> Box<dyn WeightStore> {
        let (kind, device) = self.options();
        Box::new(Resident::empty(&self.config, self.lm_head.is_some(), Placement { device, kind }))
    }

    fn options(&self) -> (Kind, Device) {
        (self.embed_tokens.kind(), self.embed_tokens.device())
    }
}
