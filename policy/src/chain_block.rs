//! The matrices of one block in the order that exact products read.

use kernels::ChainMatrix;
use tch::Tensor;

use crate::exact::Exact;

/// The matrices of one block.
#[derive(Debug)]
pub(crate) struct ChainBlock {
    pub(crate) qkv_proj: ChainMatrix,
    pub(crate) o_proj: ChainMatrix,
    pub(crate) gate_up_proj: ChainMatrix,
    pub(crate) down_proj: ChainMatrix,
}

impl ChainBlock {
    /// Packs `qkv_proj`, `o_proj`, `gate_up_proj` and `down_proj`.
    pub(crate) fn new(matrices: [&Tensor; 4], exact: &Exact) -> Self {
        let [qkv_proj, o_proj, gate_up_proj, down_proj] = matrices.map(|weight| exact.pack(weight));
        Self { qkv_proj, o_proj, gate_up_proj, down_proj }
    }
}
