//! The matrices of one block in the order that the CPU's products read.

use operators::PackedMatrix;
use tch::Tensor;

/// The matrices of one block.
#[derive(Debug)]
pub(crate) struct PackedBlock {
    pub(crate) qkv_proj: PackedMatrix,
    pub(crate) o_proj: PackedMatrix,
    pub(crate) gate_up_proj: PackedMatrix,
    pub(crate) down_proj: PackedMatrix,
}

impl PackedBlock {
    /// Packs `qkv_proj`, `o_proj`, `gate_up_proj` and `down_proj`; `None` where one cannot be.
    pub(crate) fn new([qkv_proj, o_proj, gate_up_proj, down_proj]: [&Tensor; 4]) -> Option<Self> {
        Some(Self {
            qkv_proj: PackedMatrix::new(qkv_proj)?,
            o_proj: PackedMatrix::new(o_proj)?,
            gate_up_proj: PackedMatrix::new(gate_up_proj)?,
            down_proj: PackedMatrix::new(down_proj)?,
        })
    }
}
