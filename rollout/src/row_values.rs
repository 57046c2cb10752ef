//! The float32 numbers of a tensor in this process's memory, read where they lie.
#![allow(unsafe_code)]

use tch::{Device, Kind, Tensor};

/// The numbers of a contiguous float32 tensor on the CPU, in order; `None` for any other.
///
/// Nobody may write to the tensor's storage, through another handle of it either, while the numbers are borrowed.
pub(crate) fn row_values(tensor: &Tensor) -> Option<&[f32]> {
    let is_readable = tensor.device() == Device::Cpu && tensor.kind() == Kind::Float && tensor.is_contiguous();
    if !is_readable || tensor.numel() == 0 {
        return None;
    }
    // SAFETY: the tensor has `numel` float32 numbers one behind the other from `data_ptr`, which its handle keeps
    // alive; the handle is borrowed as long as the numbers are. Callers hold to what is said above about writing.
    Some(unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast::<f32>(), tensor.numel()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_order_or_not_at_all() {
        let tensor = Tensor::arange(6, (Kind::Float, Device::Cpu)).view([2, 3]);
        assert_eq!(row_values(&tensor), Some([0.0, 1.0, 2.0, 3.0, 4.0, 5.0].as_slice()));
        assert_eq!(row_values(&tensor.get(1)), Some([3.0, 4.0, 5.0].as_slice()));
        assert_eq!(row_values(&tensor.tr()), None);
        assert_eq!(row_values(&tensor.to_kind(Kind::Double)), None);
        assert_eq!(row_values(&tensor.narrow(0, 0, 0)), None);
    }
}
