//! The decoder: embedding, blocks, final norm, and the language model's head.
//!
//! Everything is packed: `[tokens, hidden]`, whatever sequences the tokens belong to. The pieces are public one by one,
//! so that training can keep each block's input and recompute, and whole as [`Decoder::hidden`]. The decoder computes;
//! its weights are in a [weight store](WeightStore).

use std::path::Path;
use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use crate::attention::{Attention, PackedAttention};
use crate::block::{BlockShape, BlockWeights};
use crate::chain_weights::ChainWeights;
use crate::config::ModelConfig;
use crate::error::PolicyError;
use crate::exact::Exact;
use crate::linear::float_product;
use crate::numerics::Numerics;
use crate::packed::Packed;
use crate::parameters::{HEAD, NamedTensors, Parameter, ParameterShape, shapes_of};
use crate::placement::Placement;
use crate::rotary::{Rotary, RotaryFrequencies};
use crate::store::{Part, Resident, WeightStore, part_parameters};
use crate::weights::load_into;

/// A decoder-only transformer of the Qwen2, Qwen3 or Llama family.
#[derive(Debug)]
pub struct Decoder {
    config: ModelConfig,
    local: ModelConfig,
    shape: BlockShape,
    frequencies: RotaryFrequencies,
    store: Box<dyn WeightStore>,
}

impl Decoder {
    /// A decoder that computes with the weights of a store. `config` is that of the whole model, also where the store
    /// has a share of it: then all ranks that have a share compute the same, each its part, and have the same result.
    pub fn with_store(config: &ModelConfig, store: Box<dyn WeightStore>) -> Self {
        let (_, device) = store.options();
        let tensor = store.tensor();
        let local = tensor.map_or_else(|| config.clone(), |tensor| tensor.share().local());
        Self {
            shape: BlockShape::new(&local, tensor.map(|tensor| tensor.group().clone())),
            config: config.clone(),
            local,
            frequencies: RotaryFrequencies::new(config, device),
            store,
        }
    }

    /// A decoder whose matrices are zero, to be filled from weights or at random. Without `head` it has no language
    /// model's head of its own.
    pub(crate) fn empty(config: &ModelConfig, head: bool, placement: Placement) -> Self {
        Self::with_store(config, Box::new(Resident::empty(config, head, placement)))
    }

    /// Replaces the weights by those of a folder in Hugging Face's layout, or in the pieces of any number of ranks.
    /// Where the store has cut them over ranks, each rank reads what it holds.
    ///
    /// # Errors
    /// The folder does not hold weights of this shape whole.
    pub fn load_weights(&mut self, folder: &Path) -> Result<(), PolicyError> {
        let tied = self.config.tie_word_embeddings;
        load_into(folder, &self.shapes(), &self.held(), |name| tied && name == HEAD)
    }

    /// A decoder of this one's configuration and placement whose weights, of which only shares of a tensor group are on
    /// other ranks, are zero until they are [copied](Decoder::copy_weights).
    pub fn blank(&self) -> Self {
        let mut blank = Self::with_store(&self.config, self.store.blank());
        blank.shape.set_exact(self.exact().cloned());
        blank
    }

    /// Has the decoder round as `numerics` says.
    ///
    /// # Errors
    /// Here nothing is exact: the weights are on a GPU, in another type than float32, or cut over ranks.
    pub fn set_numerics(&mut self, numerics: Numerics) -> Result<(), PolicyError> {
        let refuse = |reason: &str| Err(PolicyError::Numerics { reason: reason.into() });
        let exact = match numerics {
            Numerics::Fast => None,
            Numerics::Exact if self.device() != Device::Cpu => return refuse("the weights are on a GPU"),
            Numerics::Exact if self.kind() != Kind::Float => return refuse("the weights are not float32"),
            Numerics::Exact if self.store.tensor().is_some() || self.store.spread().shards > 1 => {
                return refuse("the weights are cut over ranks");
            }
            Numerics::Exact => Some(Exact::new()),
        };
        self.shape.set_exact(exact);
        Ok(())
    }

    /// Operators that compute exactly, where the decoder has them.
    pub(crate) fn exact(&self) -> Option<&Arc<Exact>> {
        self.shape.exact()
    }

    /// Attention within each of a batch's sequences.
    pub(crate) fn attention(&self, batch: &Packed) -> PackedAttention {
        batch.attention().exactly(self.exact().cloned())
    }

    /// Replaces the weights by another decoder's, one part after the other, so that where those are cut over ranks one
    /// part more than the two decoders hold is in memory. All ranks of such a decoder call it at once. Returns the
    /// bytes that were copied.
    ///
    /// # Errors
    /// The shapes differ, or an operation between ranks failed.
    ///
    /// # Panics
    /// This decoder's weights are cut over ranks.
    pub fn copy_weights(&mut self, from: &Self) -> Result<u64, PolicyError> {
        assert_eq!(self.store.spread().shards, 1, "what is copied into gathered weights is lost");
        let mut bytes = 0;
        for part in Part::all(self.num_blocks(), self.store.head_part() == Part::Head) {
            let theirs = part_parameters(&from.local, from.store.as_ref(), part);
            let ours = part_parameters(&self.local, self.store.as_ref(), part);
            for (mut to, from) in ours.into_iter().zip(&theirs) {
                bytes += (to.tensor.numel() * to.tensor.kind().elt_size_in_bytes()) as u64;
                tch::no_grad(|| to.tensor.f_copy_(&from.tensor))?;
            }
            from.store.release(part);
            self.store.release(part);
        }
        from.store.verify()?;
        Ok(bytes)
    }

    /// The configuration that the decoder was built from.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The configuration of what is computed here: with fewer heads, rows of the feed-forward and of the vocabulary
    /// where the store has a share of the model, else that of the whole.
    pub fn local_config(&self) -> &ModelConfig {
        &self.local
    }

    /// The store of the decoder's weights.
    pub fn store(&self) -> &dyn WeightStore {
        self.store.as_ref()
    }

    /// The store of the decoder's weights, to hand it gradients.
    pub fn store_mut(&mut self) -> &mut dyn WeightStore {
        self.store.as_mut()
    }

    /// The tensors that training updates: the decoder's own, sharing their storage.
    pub fn parameters(&self) -> Vec<Parameter> {
        self.store.parameters()
    }

    /// The decoder's weights under the names of a checkpoint, in the order of [`crate::parameter_shapes`]; each shares
    /// its storage with the decoder. Where the store has cut them over ranks, they are gathered, on all ranks at once.
    pub fn state(&self) -> NamedTensors {
        let tensor = self.store.tensor();
        let named = |part| {
            let parameters = part_parameters(&self.local, self.store.as_ref(), part);
            self.store.release(part);
            let parts = parameters.into_iter().flat_map(|parameter| parameter.split(&parameter.tensor));
            let whole = |(name, own): (String, Tensor)| match tensor {
                None => (name, own),
                Some(tensor) => {
                    let whole = tensor.whole(&name, &own);
                    (name, whole)
                }
            };
            parts.map(whole).collect::<Vec<_>>()
        };
        Part::all(self.num_blocks(), self.store.head_part() == Part::Head).flat_map(named).collect()
    }

    /// What this rank holds of the weights, under the names of a checkpoint and sharing the store's memory: all of
    /// them, or pieces ([`Parameter::split`]).
    pub(crate) fn held(&self) -> NamedTensors {
        self.parameters().iter().flat_map(|parameter| parameter.split(&parameter.tensor)).collect()
    }

    /// Names and shapes of all weights, wherever they are.
    pub(crate) fn shapes(&self) -> Vec<ParameterShape> {
        shapes_of(&self.config, self.store.head_part() == Part::Head)
    }

    /// The device of weights and activations.
    pub fn device(&self) -> Device {
        self.store.options().1
    }

    /// The dtype of weights and activations.
    pub fn kind(&self) -> Kind {
        self.store.options().0
    }

    /// Device and dtype together.
    pub fn placement(&self) -> Placement {
        Placement { device: self.device(), kind: self.kind() }
    }

    /// `ids` `[tokens]` int64 -> `[tokens, hidden]`.
    pub fn embed(&self, ids: &Tensor) -> Tensor {
        let table = self.store.embedding();
        let embedded = match self.store.tensor() {
            None => Tensor::embedding(&table, ids, -1, false, false),
            Some(tensor) => tensor.embed(&table, ids),
        };
        self.store.release(Part::Embedding);
        embedded
    }

    /// cos and sin for `positions` `[tokens]` int64.
    pub fn rotary(&self, positions: &Tensor) -> Rotary {
        match self.exact() {
            None => self.frequencies.at(positions, self.kind()),
            Some(_) => self.frequencies.exactly_at(positions),
        }
    }

    /// The number of blocks, `num_hidden_layers` of the configuration.
    pub fn num_blocks(&self) -> usize {
        self.config.num_hidden_layers as usize
    }

    /// Block `layer`, from 0: `x` `[tokens, hidden]` -> `[tokens, hidden]`.
    pub fn block(&self, layer: usize, x: &Tensor, rotary: &Rotary, attention: &mut dyn Attention) -> Tensor {
        self.block_by(None, layer, x, rotary, attention)
    }

    fn block_by(
        &self,
        chains: Option<&ChainWeights>,
        layer: usize,
        x: &Tensor,
        rotary: &Rotary,
        attention: &mut dyn Attention,
    ) -> Tensor {
        let chains = chains.map(|chains| chains.block(layer));
        let output = self.shape.forward(&self.store.block(layer), chains, layer, x, rotary, attention);
        self.store.release(Part::Block(layer));
        output
    }

    /// Block `layer` with weights that the caller holds.
    pub(crate) fn block_with(
        &self,
        weights: &BlockWeights,
        layer: usize,
        x: &Tensor,
        rotary: &Rotary,
        attention: &mut dyn Attention,
    ) -> Tensor {
        self.shape.forward(weights, None, layer, x, rotary, attention)
    }

    /// The final norm: `[tokens, hidden]` -> `[tokens, hidden]`.
    pub fn final_norm(&self, x: &Tensor) -> Tensor {
        let output = self.final_norm_with(&self.store.final_norm(), x);
        self.store.release(Part::FinalNorm);
        output
    }

    /// The final norm with a weight that the caller holds.
    pub(crate) fn final_norm_with(&self, weight: &Tensor, x: &Tensor) -> Tensor {
        self.shape.norm(x, weight)
    }

    /// Hidden states after the final norm, `[tokens, hidden]`, of `ids` and `positions`, `[tokens]` int64 each.
    pub fn hidden(&self, ids: &Tensor, positions: &Tensor, attention: &mut dyn Attention) -> Tensor {
        self.hidden_by(None, ids, positions, attention)
    }

    /// [`hidden`](Self::hidden) with exact products of packed weights where they are given; without a gradient then.
    pub fn hidden_by(
        &self,
        chains: Option<&ChainWeights>,
        ids: &Tensor,
        positions: &Tensor,
        attention: &mut dyn Attention,
    ) -> Tensor {
        let rotary = self.rotary(positions);
        let mut x = self.embed(ids);
        for layer in 0..self.num_blocks() {
            x = self.block_by(chains, layer, &x, &rotary, attention);
        }
        self.final_norm(&x)
    }

    /// Logits of hidden states: `[tokens, hidden]` -> `[tokens, vocab]`, float32 from the product on. Where the store
    /// has a share of the model they are those of its [stretch](crate::TensorShare::vocabulary) of the vocabulary.
    pub fn logits(&self, hidden: &Tensor) -> Tensor {
        let head = self.store.head();
        let logits = match self.exact() {
            None => float_product(hidden, &head.tr()),
            Some(exact) => exact.product(hidden, &head, None),
        };
        self.store.release(self.store.head_part());
        logits
    }

    /// The weights as they are now, packed for passes without a gradient. `None` where the decoder is not exact.
    pub fn chain_weights(&self) -> Option<ChainWeights> {
        let exact = self.exact()?;
        Some(ChainWeights::of(self.store.as_ref(), self.num_blocks(), exact))
    }

    /// [`logits`](Self::logits) with the packed head where it is given; without a gradient then.
    pub fn logits_by(&self, chains: Option<&ChainWeights>, hidden: &Tensor) -> Tensor {
        match (self.exact(), chains) {
            (Some(exact), Some(chains)) => exact.multiply(chains.head(), hidden, None),
            _ => self.logits(hidden),
        }
    }
}
