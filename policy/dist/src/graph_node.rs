//! A value that was computed outside of autograd, put into its graph with a function for the gradient.
//!
//! Beside `ffi.rs` the one file of this crate with `unsafe`: it crosses the same shim (cpp/shim.h), in both directions.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;

use tch::Tensor;

use crate::ffi::{Error, Failure, checked};

/// Makes the gradient of an input, of its shape, of that of a value.
type GradientMap = Box<dyn Fn(Tensor) -> Tensor + Send + Sync>;

#[repr(C)]
struct RawGradientMap {
    context: *mut c_void,
    apply: unsafe extern "C" fn(*mut c_void, *mut c_void) -> *mut c_void,
    release: unsafe extern "C" fn(*mut c_void),
}

unsafe extern "C" {
    fn dist_graph_mapped(
        input: *const c_void,
        value: *const c_void,
        map: RawGradientMap,
        output: *mut *mut c_void,
        error: Error,
    ) -> i32;
}

/// Calls the map at `context`, with a tensor that becomes this side's; the result becomes the caller's.
unsafe extern "C" fn apply(context: *mut c_void, gradient: *mut c_void) -> *mut c_void {
    // SAFETY: the shim calls with the context of `mapped` until it has released it, and gives the tensor away.
    let (map, gradient) = unsafe { (&*context.cast::<GradientMap>(), Tensor::from_ptr(gradient.cast())) };
    // A panic must not go through C++.
    catch_unwind(AssertUnwindSafe(|| map(gradient))).map_or(null_mut(), |mut mapped| {
        let pointer = mapped.as_mut_ptr().cast();
        std::mem::forget(mapped);
        pointer
    })
}

unsafe extern "C" fn release(context: *mut c_void) {
    // SAFETY: the context was made by `mapped`, and the shim releases it once.
    drop(unsafe { Box::from_raw(context.cast::<GradientMap>()) });
}

/// The elements of `value` as a function of `input`: its gradient is what `map` makes of the value's, once a backward
/// pass comes by. Where `input` is in no graph it is `value` alone.
///
/// # Errors
/// libtorch cannot make the node.
pub(crate) fn mapped(
    input: &Tensor,
    value: &Tensor,
    map: impl Fn(Tensor) -> Tensor + Send + Sync + 'static,
) -> Result<Tensor, Failure> {
    let map: Box<GradientMap> = Box::new(Box::new(map));
    let map = RawGradientMap { context: Box::into_raw(map).cast(), apply, release };
    let mut output = null_mut();
    checked(|error| {
        // SAFETY: both tensors are live during the call, which counts what it keeps and takes the map over.
        unsafe { dist_graph_mapped(input.as_ptr().cast(), value.as_ptr().cast(), map, &raw mut output, error) }
    })?;
    // SAFETY: on success the shim gave a tensor that is ours.
    Ok(unsafe { Tensor::from_ptr(output.cast()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gradient_goes_through_the_map_and_the_map_ends_with_the_graph() {
        let count = std::sync::Arc::new(());
        let x = Tensor::from_slice(&[1f32, 2.0]).set_requires_grad(true);
        let held = count.clone();
        let y = mapped(&(&x * 3.0), &Tensor::from_slice(&[10f32, 20.0]), move |gradient| {
            let _ = &held;
            gradient * 5.0
        })
        .unwrap();
        assert_eq!(Vec::<f32>::try_from(&y.detach()).unwrap(), [10.0, 20.0]);
        (&y * &y).sum(tch::Kind::Float).backward(); // 2 y, 5 times, 3 times
        assert_eq!(Vec::<f32>::try_from(&x.grad()).unwrap(), [300.0, 600.0]);
        drop(y);
        assert_eq!(std::sync::Arc::strong_count(&count), 1);
    }

    #[test]
    fn without_a_graph_there_is_the_value_alone() {
        let count = std::sync::Arc::new(());
        let held = count.clone();
        let x = Tensor::from_slice(&[1f32]);
        let y = mapped(&x, &x, move |gradient| {
            let _ = &held;
            gradient
        });
        assert!(!y.unwrap().requires_grad());
        assert_eq!(std::sync::Arc::strong_count(&count), 1);
    }

    #[test]
    fn a_map_that_panics_is_an_error_of_the_backward_pass() {
        let x = Tensor::from_slice(&[1f32]).set_requires_grad(true);
        let y = mapped(&x, &x.detach(), |_| panic!("no gradient")).unwrap();
        let result = Tensor::f_run_backward(&[y.sum(tch::Kind::Float)], &[&x], false, false);
        assert!(result.unwrap_err().to_string().contains("could not be made"));
    }
}
