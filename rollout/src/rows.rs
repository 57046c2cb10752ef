//! The numbers of tensors in the memory of cores, for kernels that are not libtorch's.

use kernels::Rows;
use tch::{Device, Kind, Tensor};

/// The rows of a tensor `[rows, heads, head_dim]` on the CPU, each row's numbers side by side. One whose are not is
/// copied into `whole`, which then holds what is read.
///
/// # Panics
/// The tensor is on another device, or its numbers are not float32.
pub(crate) fn rows<'a>(tensor: &'a Tensor, whole: &'a mut Option<Tensor>) -> Rows<'a> {
    let is_usable = tensor.stride()[1..] == [tensor.size()[2], 1];
    let tensor = if is_usable { tensor } else { whole.insert(tensor.contiguous()) };
    assert_eq!((tensor.device(), tensor.kind()), (Device::Cpu, Kind::Float));
    let (size, stride) = (tensor.size(), tensor.stride()[0] as usize);
    let len = if size[0] == 0 { 0 } else { (size[0] as usize - 1) * stride + (size[1] * size[2]) as usize };
    // SAFETY: the tensor is float32, and its rows reach from its first number over `len` of them. It is borrowed as
    // long as they are, and nothing writes to it meanwhile: a pass's tensors are that thread's.
    #[allow(unsafe_code)]
    let numbers = unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast(), len) };
    Rows { numbers, stride }
}

/// The numbers of a float32 tensor that was just made on the CPU, to be written.
///
/// # Panics
/// The tensor is on another device or not contiguous, or its numbers are not float32.
pub(crate) fn numbers_mut(tensor: &mut Tensor) -> &mut [f32] {
    assert_eq!((tensor.device(), tensor.kind()), (Device::Cpu, Kind::Float));
    assert!(tensor.is_contiguous());
    // SAFETY: the tensor is float32 and has as many numbers side by side. It is borrowed alone as long as they are.
    #[allow(unsafe_code)]
    unsafe {
        std::slice::from_raw_parts_mut(tensor.data_ptr().cast(), tensor.numel())
    }
}

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
    #[allow(unsafe_code)]
    Some(unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast::<f32>(), tensor.numel()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_part_are_read_where_they_lie_and_others_are_copied() {
        let tensor = Tensor::arange(24, (Kind::Float, Device::Cpu)).view([2, 4, 3]);
        let part = tensor.narrow(1, 1, 2);
        let mut whole = None;
        let read = rows(&part, &mut whole);
        assert_eq!((read.numbers.len(), read.numbers[0], read.numbers[read.stride]), (18, 3.0, 15.0));
        assert!(whole.is_none());
        let turned = tensor.transpose(1, 2);
        let read = rows(&turned, &mut whole);
        assert_eq!((&read.numbers[..4], read.stride), (&[0.0, 3.0, 6.0, 9.0][..], 12));
    }

    #[test]
    fn numbers_are_written_in_order() {
        let mut tensor = Tensor::zeros([2, 2], (Kind::Float, Device::Cpu));
        numbers_mut(&mut tensor)[1] = 3.0;
        assert_eq!(tensor.double_value(&[0, 1]), 3.0);
    }

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
