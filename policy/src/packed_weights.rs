//! A decoder's matrices in the order that the CPU's products read, for passes without a gradient.
//!
//! Packed once for many decoding steps: beside the weights as training has them, and as large. They do not follow a
//! change of those.

use std::sync::Arc;

use crate::exact::Exact;
use crate::packed_block::PackedBlock;
use crate::packed_matrix::PackedMatrix;
use crate::store::{Lent, WeightStore};

/// A smaller head gains nothing of libtorch's packing: its product is done before that could help.
const SMALLEST_HEAD: i64 = 1 << 21;

/// The matrices of all blocks, and the head where it is large.
#[derive(Debug)]
pub struct PackedWeights {
    blocks: Vec<PackedBlock>,
    head: Option<PackedMatrix>,
}

impl PackedWeights {
    /// See [`Decoder::packed_weights`](crate::Decoder::packed_weights).
    pub(crate) fn of(store: &dyn WeightStore, num_blocks: usize, exact: Option<&Arc<Exact>>) -> Option<Self> {
        if store.spread().shards > 1 || store.tensor().is_some() {
            return None;
        }
        let block = |layer| match store.block(layer) {
            Lent::Resident(of) => PackedBlock::new([&of.qkv_proj, &of.o_proj, &of.gate_up_proj, &of.down_proj], exact),
            Lent::Gathered(_) => None,
        };
        let head = store.head();
        let is_packed = exact.is_some() || head.numel() as i64 >= SMALLEST_HEAD;
        let head = is_packed.then(|| PackedMatrix::new(&head, exact)).flatten();
        Some(Self { blocks: (0..num_blocks).map(block).collect::<Option<_>>()?, head })
    }

    pub(crate) fn block(&self, layer: usize) -> &PackedBlock {
        &self.blocks[layer]
    }

    /// The matrices of block `layer`, in the order in which it multiplies by them.
    pub fn block_matrices(&self, layer: usize) -> [&PackedMatrix; 4] {
        let PackedBlock { qkv_proj, o_proj, gate_up_proj, down_proj } = self.block(layer);
        [qkv_proj, o_proj, gate_up_proj, down_proj]
    }

    /// The head, where it is packed.
    pub fn head(&self) -> Option<&PackedMatrix> {
        self.head.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor};

    use super::*;
    use crate::attention::PackedAttention;
    use crate::config::ModelConfig;
    use crate::decoder::Decoder;
    use crate::placement::Placement;

    fn decoder(vocab_size: i64, placement: Placement) -> Decoder {
        let json = serde_json::json!({
            "model_type": "qwen2", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
            "vocab_size": vocab_size, "num_attention_heads": 4, "num_key_value_heads": 2,
            "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "rope_theta": 1e4, "initializer_range": 0.3,
        });
        Decoder::random(&ModelConfig::from_json(&json).expect("a config"), 3, placement)
    }

    #[test]
    fn packed_weights_give_the_logits_of_the_plain_ones() {
        for (vocab_size, is_packed) in [(128, false), (32_768, true)] {
            let decoder = decoder(vocab_size, Placement::CPU);
            let packed = decoder.packed_weights().expect("float32 on a CPU");
            assert_eq!(packed.head().is_some(), is_packed);
            let positions = Tensor::arange(9, (Kind::Int64, Device::Cpu));
            let ids = &positions * 11 + 3;
            let logits = |packed: Option<&PackedWeights>| {
                let mut attention = PackedAttention::new(&[9], Device::Cpu);
                let hidden = decoder.hidden_by(packed, &ids, &positions, &mut attention);
                decoder.logits_by(packed, &hidden)
            };
            let _guard = tch::no_grad_guard();
            let (expected, found) = (logits(None), logits(Some(&packed)));
            let distance = (&expected - found).abs().max().double_value(&[]);
            let spread = expected.std(true).double_value(&[]);
            assert!(distance < 1e-5 * spread, "{distance} of {spread}");
        }
    }

    #[test]
    fn other_types_are_not_packed() {
        let placement = Placement { kind: Kind::BFloat16, ..Placement::CPU };
        assert!(decoder(128, placement).packed_weights().is_none());
    }
}
