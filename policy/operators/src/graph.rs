//! Values that were computed outside of autograd, put into its graph with a function for their inputs' gradients.

use std::ffi::{CStr, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use tch::Tensor;

/// Makes the gradients of a value's inputs, of their shapes and none where none is needed, of that of the value.
pub type GradientMap = Box<dyn Fn(&Tensor) -> Vec<Option<Tensor>> + Send>;

#[repr(C)]
struct RawGradientMap {
    context: *mut c_void,
    apply: unsafe extern "C" fn(*mut c_void, *mut c_void, *mut *mut c_void) -> i32,
    release: unsafe extern "C" fn(*mut c_void),
}

/// A map and the number of its inputs.
struct Context {
    map: GradientMap,
    num_inputs: usize,
}

unsafe extern "C" {
    fn operators_wants_gradient(inputs: *const *const c_void, num_inputs: usize) -> i32;
    fn operators_in_graph(
        inputs: *const *const c_void,
        num_inputs: usize,
        value: *const c_void,
        map: RawGradientMap,
        error: *mut *mut c_char,
    ) -> *mut c_void;
    fn free(pointer: *mut c_void);
}

/// Calls the map at `context` with a tensor that becomes this side's; its results become the caller's.
unsafe extern "C" fn apply(context: *mut c_void, gradient: *mut c_void, gradients: *mut *mut c_void) -> i32 {
    // SAFETY: the shim calls with the context of `in_graph` until it has released it, from one thread at a time, for a
    // node is run once in a backward pass and passes over one graph are not run side by side; it gives the tensor away.
    let (context, gradient) = unsafe { (&*context.cast::<Context>(), Tensor::from_ptr(gradient.cast())) };
    // A panic must not go through C++.
    let Ok(made) = catch_unwind(AssertUnwindSafe(|| (context.map)(&gradient))) else { return 1 };
    if made.len() != context.num_inputs {
        return 1;
    }
    for (input, mut own) in made.into_iter().enumerate() {
        if let Some(tensor) = &mut own {
            // SAFETY: the caller has room for a tensor of each input.
            unsafe { *gradients.add(input) = tensor.as_mut_ptr().cast() };
        }
        std::mem::forget(own); // it is the caller's now
    }
    0
}

unsafe extern "C" fn release(context: *mut c_void) {
    // SAFETY: the context was made by `in_graph`, and the shim releases it once.
    drop(unsafe { Box::from_raw(context.cast::<Context>()) });
}

/// The elements of `value` as a function of `inputs`: their gradients are what `gradients` makes of the value's, once a
/// backward pass comes by; without a graph there. Where no gradient can be asked for it is `value` alone.
///
/// # Panics
/// libtorch cannot make the node.
pub fn in_graph(inputs: &[&Tensor], value: Tensor, gradients: impl FnOnce() -> GradientMap) -> Tensor {
    let pointers: Vec<*const c_void> = inputs.iter().map(|input| input.as_ptr().cast()).collect();
    // SAFETY: all are tensors that live as long as the call, which only looks at them.
    if unsafe { operators_wants_gradient(pointers.as_ptr(), pointers.len()) } == 0 {
        return value;
    }
    let context = Box::new(Context { map: gradients(), num_inputs: inputs.len() });
    let map = RawGradientMap { context: Box::into_raw(context).cast(), apply, release };
    // SAFETY: all are tensors that live as long as the call, which counts what it keeps and takes the map over.
    let made = called(|error| unsafe {
        operators_in_graph(pointers.as_ptr(), pointers.len(), value.as_ptr().cast(), map, error)
    });
    made.unwrap_or_else(|error| panic!("a node of autograd's graph: {error}"))
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
    use std::sync::Arc;

    use tch::Kind;

    use super::*;

    fn numbers(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor).expect("float32 numbers")
    }

    #[test]
    fn gradients_go_through_the_map_and_the_map_ends_with_the_graph() {
        let held = Arc::new(());
        let [x, y, z] = [1f32, 2.0, 3.0].map(|number| Tensor::from_slice(&[number]).set_requires_grad(true));
        let value = Tensor::from_slice(&[10f32]);
        let count = held.clone();
        let computed = in_graph(&[&x, &y, &z], value, move || {
            Box::new(move |gradient: &Tensor| {
                let _ = &count;
                assert!(!gradient.requires_grad());
                vec![Some(gradient * 2.0), None, Some(gradient * 5.0)]
            })
        });
        assert_eq!(numbers(&computed.detach()), [10.0]);
        (&computed * &computed).sum(Kind::Float).backward(); // 20
        assert_eq!((numbers(&x.grad()), numbers(&z.grad())), (vec![40.0], vec![100.0]));
        assert!(!y.grad().defined());
        drop(computed);
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn without_a_graph_there_is_the_value_alone() {
        let plain = Tensor::from_slice(&[1f32]);
        let leaf = plain.copy().set_requires_grad(true);
        let refused = || -> GradientMap { panic!("no gradient can be asked for") };
        assert!(!in_graph(&[&plain], plain.copy(), refused).requires_grad());
        assert!(!tch::no_grad(|| in_graph(&[&leaf], plain.copy(), refused)).requires_grad());
    }

    #[test]
    fn a_map_that_panics_is_an_error_of_the_backward_pass() {
        for wrong in [true, false] {
            let x = Tensor::from_slice(&[1f32]).set_requires_grad(true);
            let map = move |_: &Tensor| if wrong { panic!("no gradient") } else { Vec::new() };
            let y = in_graph(&[&x], x.detach(), move || Box::new(map));
            let result = Tensor::f_run_backward(&[y.sum(Kind::Float)], &[&x], false, false);
            assert!(result.unwrap_err().to_string().contains("could not be made"));
        }
    }
}
