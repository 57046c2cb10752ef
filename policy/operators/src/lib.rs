//! What `tch` does not bind of libtorch, through shims over its dispatcher and its autograd.
//!
//! Products with weights that are packed once: in the order in which oneDNN's products read them, a weight is read at
//! 1.5 to 4 times the rate at a decoding step's few rows. And for loops that are not libtorch's: the numbers of its
//! tensors, and nodes of its graph with what such loops computed. All `unsafe` of such calls is here.
#![allow(unsafe_code)]

mod graph;
mod numbers;

use std::ffi::{CStr, c_char, c_void};

use tch::{Device, Kind, Tensor};

pub use self::graph::{GradientMap, in_graph};
pub use self::numbers::{floats, floats_mut};

unsafe extern "C" {
    fn operators_pack(weight: *const c_void, error: *mut *mut c_char) -> *mut c_void;
    fn operators_packed_product(
        x: *const c_void,
        weight: *const c_void,
        bias: *const c_void,
        error: *mut *mut c_char,
    ) -> *mut c_void;
    fn free(pointer: *mut c_void);
}

/// A matrix in the order that products read. It takes as much memory as the matrix that it was made of, and does not
/// follow that one's changes.
#[derive(Debug)]
pub struct PackedMatrix {
    packed: Tensor,
    /// Rows and columns, `[out, in]`.
    shape: [i64; 2],
}

impl PackedMatrix {
    /// Packs `weight` `[out, in]`. `None` where there is no such product: on other devices than the CPU, in other types
    /// than float32, in a libtorch without oneDNN.
    pub fn new(weight: &Tensor) -> Option<Self> {
        let &[rows, columns] = weight.size().as_slice() else { return None };
        if weight.device() != Device::Cpu || weight.kind() != Kind::Float {
            return None;
        }
        let weight = weight.detach().contiguous();
        // SAFETY: the weight is a tensor, which the call borrows.
        let packed = called(|error| unsafe { operators_pack(pointer(&weight), error) }).ok()?;
        Some(Self { packed, shape: [rows, columns] })
    }

    /// Rows and columns of the matrix, `[out, in]`.
    pub fn size(&self) -> [i64; 2] {
        self.shape
    }

    /// `x W^T + b`: `[rows, in]` -> `[rows, out]`, without a gradient.
    ///
    /// # Panics
    /// The shapes or types do not go together.
    pub fn product(&self, x: &Tensor, bias: Option<&Tensor>) -> Tensor {
        let bias = bias.map_or(std::ptr::null(), pointer);
        // SAFETY: all are tensors that live as long as the call, which borrows them; a missing bias is null.
        let product =
            called(|error| unsafe { operators_packed_product(pointer(x), pointer(&self.packed), bias, error) });
        product.unwrap_or_else(|error| panic!("a product of {:?} with a packed {:?}: {error}", x.size(), self.shape))
    }
}

/// What libtorch's tensor is behind.
fn pointer(tensor: &Tensor) -> *const c_void {
    tensor.as_ptr().cast()
}

/// The tensor that a call hands out, or its message.
fn called(call: impl FnOnce(*mut *mut c_char) -> *mut c_void) -> Result<Tensor, String> {
    let mut error = std::ptr::null_mut();
    let tensor = call(&raw mut error);
    if !tensor.is_null() {
        // SAFETY: the shim hands out a tensor of its own, which is freed as tch frees its tensors.
        return Ok(unsafe { Tensor::from_ptr(tensor.cast()) });
    }
    // SAFETY: without a tensor there is a message of malloc's, which ends with 0 and is freed once.
    let message = unsafe { CStr::from_ptr(error) }.to_string_lossy().into_owned();
    unsafe { free(error.cast()) };
    Err(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

    #[test]
    fn a_packed_product_is_the_plain_one() {
        for (rows, columns, outputs) in [(1, 8, 3), (5, 64, 96), (64, 256, 1000), (300, 640, 2)] {
            let (x, weight) = (Tensor::randn([rows, columns], CPU), Tensor::randn([outputs, columns], CPU));
            let bias = Tensor::randn([outputs], CPU);
            let packed = PackedMatrix::new(&weight).expect("oneDNN");
            for bias in [None, Some(&bias)] {
                let (expected, found) = (x.linear(&weight, bias), packed.product(&x, bias));
                assert_eq!(found.size(), expected.size());
                let distance = (expected - found).abs().max().double_value(&[]);
                assert!(distance < 1e-5 * columns as f64, "{rows} {columns} {outputs}: {distance}");
            }
        }
    }

    #[test]
    fn a_packed_matrix_stays_as_it_was() {
        let mut weight = Tensor::ones([4, 4], CPU);
        let packed = PackedMatrix::new(&weight).expect("oneDNN");
        let _ = weight.fill_(2.0);
        assert_eq!(packed.product(&Tensor::ones([1, 4], CPU), None).double_value(&[0, 0]), 4.0);
    }

    #[test]
    fn what_cannot_be_packed_is_not() {
        assert!(PackedMatrix::new(&Tensor::ones([4], CPU)).is_none());
        assert!(PackedMatrix::new(&Tensor::ones([4, 4], (Kind::Double, Device::Cpu))).is_none());
    }

    #[test]
    #[should_panic(expected = "a product of [1, 3] with a packed [4, 4]")]
    fn shapes_that_do_not_go_together_are_said() {
        let packed = PackedMatrix::new(&Tensor::ones([4, 4], CPU)).expect("oneDNN");
        let _ = packed.product(&Tensor::ones([1, 3], CPU), None);
    }
}
