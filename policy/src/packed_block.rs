//! The matrices of one block in the order that the CPU's products read.

use std::sync::Arc;

use tch::Tensor;

use crate::exact::Exact;
use crate::packed_matrix::PackedMatrix;

/// The matrices of one block.
#[derive(Debug)]
pub(crate) struct PackedBlock {
    pub(crate) qkv_proj: PackedMatrix,
    pub(crate) o_proj: PackedMatrix,
    pub(crate) gate_up_proj: PackedMatrix,
    pub(crate) down_proj: PackedMatrix,
}

impl PackedBlock {
    /// Packs `qkv_proj`, `o_proj`, `gate_up_proj` and `down_proj`, for exact products where they are asked for; `None`
    /// where one cannot be.
    pub(crate) fn new(matrices: [&Tensor; 4], exact: Option<&Arc<Exact>>) -> Option<Self> {
        let [qkv_proj, o_proj, gate_up_proj, down_proj] = matrices;
        Some(Self {
            qkv_proj: PackedMatrix::new(qkv_proj, exact)?,
            o_proj: PackedMatrix::new(o_proj, exact)?,
            gate_up_proj: PackedMatrix::new(gate_up_proj, exact)?,
            down_proj: PackedMatrix::new(down_proj, exact)?,
        })
    }
}
