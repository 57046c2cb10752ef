//! An exact decoder's matrices in the order that its products read, for passes without a gradient.
//!
//! Packed once for many decoding steps: beside the weights as training has them, and as large. They do not follow a
//! change of those.

use kernels::ChainMatrix;

use crate::chain_block::ChainBlock;
use crate::exact::Exact;
use crate::store::WeightStore;

/// The matrices of all blocks, and the head.
#[derive(Debug)]
pub struct ChainWeights {
    blocks: Vec<ChainBlock>,
    head: ChainMatrix,
}

impl ChainWeights {
    /// See [`Decoder::chain_weights`](crate::Decoder::chain_weights). The weights are whole.
    pub(crate) fn of(store: &dyn WeightStore, num_blocks: usize, exact: &Exact) -> Self {
        let block = |layer| {
            let of = store.block(layer);
            ChainBlock::new([&of.qkv_proj, &of.o_proj, &of.gate_up_proj, &of.down_proj], exact)
        };
        Self { blocks: (0..num_blocks).map(block).collect(), head: exact.pack(&store.head()) }
    }

    pub(crate) fn block(&self, layer: usize) -> &ChainBlock {
        &self.blocks[layer]
    }

    pub(crate) fn head(&self) -> &ChainMatrix {
        &self.head
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor};

    use super::*;
    use crate::attention::PackedAttention;
    use crate::config::ModelConfig;
    use crate::decoder::Decoder;
    use crate::numerics::Numerics;
    use crate::placement::Placement;

    #[test]
    fn packed_chains_give_the_bits_of_the_plain_weights() {
        let json = serde_json::json!({
            "model_type": "qwen2", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
            "vocab_size": 130, "num_attention_heads": 4, "num_key_value_heads": 2,
            "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "rope_theta": 1e4, "initializer_range": 0.3,
        });
        let mut decoder = Decoder::random(&ModelConfig::from_json(&json).expect("a config"), 3, Placement::CPU);
        assert!(decoder.chain_weights().is_none());
        decoder.set_numerics(Numerics::Exact).expect("float32 on a CPU");
        let chains = decoder.chain_weights().expect("an exact decoder");
        let positions = Tensor::arange(9, (Kind::Int64, Device::Cpu));
        let ids = &positions * 11 + 3;
        let logits = |chains: Option<&ChainWeights>| {
            let mut attention = PackedAttention::new(&[9], Device::Cpu).exactly(decoder.exact().cloned());
            let hidden = decoder.hidden_by(chains, &ids, &positions, &mut attention);
            decoder.logits_by(chains, &hidden)
        };
        let _guard = tch::no_grad_guard();
        assert!(logits(None).equal(&logits(Some(&chains))));
    }
}
