//! The numbers of float32 tensors in the memory of cores, for loops that are not libtorch's.

use tch::{Device, Kind, Tensor};

/// The numbers of a contiguous float32 tensor on the CPU, in order.
///
/// Nobody may write to the tensor's storage, through another handle of it either, while the numbers are borrowed.
///
/// # Panics
/// The tensor is another one.
pub fn floats(tensor: &Tensor) -> &[f32] {
    check(tensor);
    if tensor.numel() == 0 {
        return &[];
    }
    // SAFETY: the tensor has `numel` float32 numbers one behind the other from `data_ptr`, which its handle keeps
    // alive; the handle is borrowed as long as the numbers are. Callers hold to what is said above about writing.
    unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast::<f32>(), tensor.numel()) }
}

/// The same of a tensor that no other handle shares, to be written.
///
/// # Panics
/// The tensor is another one.
pub fn floats_mut(tensor: &mut Tensor) -> &mut [f32] {
    check(tensor);
    if tensor.numel() == 0 {
        return &mut [];
    }
    // SAFETY: as in `floats`, and the handle is borrowed alone; callers hold to it that no other shares the numbers.
    unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast::<f32>(), tensor.numel()) }
}

fn check(tensor: &Tensor) {
    let is_usable = tensor.device() == Device::Cpu && tensor.kind() == Kind::Float && tensor.is_contiguous();
    assert!(is_usable, "a contiguous float32 tensor on the CPU, not {tensor:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_written_in_order() {
        let mut tensor = Tensor::arange(6, (Kind::Float, Device::Cpu)).view([2, 3]).copy();
        floats_mut(&mut tensor)[4] = 9.0;
        assert_eq!(floats(&tensor), [0.0, 1.0, 2.0, 3.0, 9.0, 5.0]);
        assert_eq!(floats(&tensor.get(1)), [3.0, 9.0, 5.0]);
        assert!(floats(&tensor.narrow(0, 0, 0)).is_empty());
    }

    #[test]
    #[should_panic(expected = "a contiguous float32 tensor")]
    fn numbers_of_another_order_are_refused() {
        let _ = floats(&Tensor::arange(6, (Kind::Float, Device::Cpu)).view([2, 3]).tr());
    }
}
