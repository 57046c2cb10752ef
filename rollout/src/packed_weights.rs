//! A decoder's weights in the order that the kernels' products read, for passes without a gradient.
//!
//! Packed once for many decoding steps: beside the weights as training has them, and as large. They do not follow a
//! change of those. The weight of a norm is multiplied into the matrix behind it, so that a norm is a factor of a row.

use kernels::{Output, PackedMatrix, Panels, PlainMatrix, Threads};
use policy::{BlockWeights, ChainWeights, Decoder, Lent, Placement};
use tch::Tensor;

use crate::rows::row_values;

/// The weights of a version as its passes read them.
#[derive(Debug)]
pub(crate) enum VersionWeights {
    /// Passes are libtorch's.
    Plain,
    /// Passes are by kernels.
    Kernels(PackedWeights),
    /// Passes are an exact decoder's, over its matrices.
    Chains(ChainWeights),
}

impl VersionWeights {
    /// Packs the weights as they are now, where they can be.
    pub(crate) fn of(decoder: &Decoder, threads: &Threads) -> Self {
        match decoder.chain_weights() {
            Some(chains) => Self::Chains(chains),
            None => PackedWeights::of(decoder, threads).map_or(Self::Plain, Self::Kernels),
        }
    }
}

/// The matrices of all blocks, and the head.
#[derive(Debug)]
pub struct PackedWeights {
    pub(crate) blocks: Vec<PackedBlock>,
    pub(crate) head: PackedMatrix,
}

/// The weights of one block.
#[derive(Debug)]
pub(crate) struct PackedBlock {
    pub(crate) qkv_proj: PackedMatrix,
    pub(crate) o_proj: PackedMatrix,
    pub(crate) gate_up_proj: PackedMatrix,
    pub(crate) down_proj: PackedMatrix,
    /// Norms over each head of q and of k, `[head_dim]` each, where the family has them.
    pub(crate) qk_norm: Option<[Vec<f32>; 2]>,
}

impl PackedWeights {
    /// The weights as they are now. `None` where passes are libtorch's: on a GPU, in other types than float32, and
    /// where the weights are cut over ranks.
    pub fn of(decoder: &Decoder, threads: &Threads) -> Option<Self> {
        let store = decoder.store();
        if decoder.placement() != Placement::CPU || store.spread().shards > 1 || store.tensor().is_some() {
            return None;
        }
        let block = |layer| match store.block(layer) {
            Lent::Resident(weights) => Some(PackedBlock::of(weights, threads)),
            Lent::Gathered(_) => None,
        };
        let blocks = (0..decoder.num_blocks()).map(block).collect::<Option<_>>()?;
        let (head, norm) = (store.head().contiguous(), store.final_norm());
        Some(Self { blocks, head: PackedMatrix::new(plain(&head, Some(&norm), None), threads) })
    }
}

impl PackedBlock {
    fn of(weights: &BlockWeights, threads: &Threads) -> Self {
        let BlockWeights { input_layernorm, qkv_bias, post_attention_layernorm, .. } = weights;
        let pack = |weight, norm, bias| PackedMatrix::new(plain(weight, norm, bias), threads);
        let numbers = |norm| numbers(norm).to_vec();
        Self {
            qkv_proj: pack(&weights.qkv_proj, Some(input_layernorm), qkv_bias.as_ref()),
            o_proj: pack(&weights.o_proj, None, None),
            gate_up_proj: PackedMatrix::gated(
                plain(&weights.gate_up_proj, Some(post_attention_layernorm), None),
                threads,
            ),
            down_proj: pack(&weights.down_proj, None, None),
            qk_norm: weights.qk_norm.as_ref().map(|(q_norm, k_norm)| [numbers(q_norm), numbers(k_norm)]),
        }
    }
}

/// A weight `[outputs, inputs]` behind a norm `[inputs]`, with a bias `[outputs]`.
fn plain<'a>(weight: &'a Tensor, norm: Option<&'a Tensor>, bias: Option<&'a Tensor>) -> PlainMatrix<'a> {
    PlainMatrix {
        numbers: numbers(weight),
        num_inputs: weight.size()[1] as usize,
        scales: norm.map(numbers),
        bias: bias.map(numbers),
    }
}

fn numbers(weight: &Tensor) -> &[f32] {
    row_values(weight).expect("a weight in float32 whose numbers lie side by side")
}

/// The products of a pass alone, for whoever asks for the least time of a pass.
#[derive(Debug)]
pub struct PassProducts<'a> {
    weights: &'a PackedWeights,
    threads: &'a Threads,
    num_rows: usize,
    input: Panels,
    output: Panels,
    logits: Vec<f32>,
}

impl<'a> PassProducts<'a> {
    /// The products of a pass over `num_rows` rows, or of so many sequences.
    pub fn new(weights: &'a PackedWeights, num_rows: usize, threads: &'a Threads) -> Self {
        Self { weights, threads, num_rows, input: Panels::default(), output: Panels::default(), logits: Vec::new() }
    }

    /// Computes those of all blocks.
    pub fn blocks(&mut self) {
        for PackedBlock { qkv_proj, o_proj, gate_up_proj, down_proj, .. } in &self.weights.blocks {
            for matrix in [qkv_proj, o_proj, gate_up_proj, down_proj] {
                self.input.reset(self.num_rows, matrix.num_inputs());
                matrix.product(&self.input, Output::Panels(&mut self.output), self.threads);
            }
        }
    }

    /// Computes that of the head.
    pub fn head(&mut self) {
        self.input.reset(self.num_rows, self.weights.head.num_inputs());
        self.logits.resize(self.num_rows * self.weights.head.num_outputs(), 0.0);
        self.weights.head.product(&self.input, Output::Rows(&mut self.logits), self.threads);
    }
}

#[cfg(test)]
mod tests {
    use policy::ModelConfig;
    use tch::Kind;

    use super::*;

    #[test]
    fn weights_in_float32_are_packed_and_others_are_not() {
        let json = serde_json::json!({
            "model_type": "qwen2", "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 3, "vocab_size": 20,
            "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 8,
        });
        let config = ModelConfig::from_json(&json).expect("a config");
        let threads = Threads::new(1);
        let packed = |placement| PackedWeights::of(&Decoder::random(&config, 3, placement), &threads);
        let float = packed(Placement::CPU).expect("packed weights");
        assert_eq!((float.blocks.len(), float.head.num_outputs()), (3, 20));
        assert!(packed(Placement { kind: Kind::BFloat16, ..Placement::CPU }).is_none());
    }
}
