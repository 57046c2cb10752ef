//! The time that a thread has spent in the blocks' matrix products, for whoever says where a pass's time goes. On a
//! GPU, where products are queued, it is the time that queuing takes.

use std::cell::Cell;
use std::time::{Duration, Instant};

use tch::Tensor;

use crate::exact::Exact;
use crate::packed_matrix::PackedMatrix;

thread_local! {
    static SPENT: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Time that this thread has spent in the blocks' matrix products so far, backward passes apart.
pub fn product_time() -> Duration {
    SPENT.get()
}

/// `x W^T + b`: `[tokens, in]` -> `[tokens, out]`; of the weight as it was packed, where that is given, and exactly
/// where that is asked for.
pub(crate) fn product(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    packed: Option<&PackedMatrix>,
    exact: Option<&Exact>,
) -> Tensor {
    let started = Instant::now();
    let output = match (packed, exact) {
        (Some(packed), _) => packed.product(x, bias),
        (None, Some(exact)) => exact.product(x, weight, bias),
        (None, None) => x.linear(weight, bias),
    };
    SPENT.set(SPENT.get() + started.elapsed());
    output
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn products_of_this_thread_are_counted() {
        let x = Tensor::ones([64, 64], (Kind::Float, Device::Cpu));
        let before = product_time();
        let _ = product(&x, &x, None, None, None);
        assert!(product_time() > before);
        let other = std::thread::spawn(product_time).join().unwrap();
        assert_eq!(other, Duration::ZERO);
    }
}
