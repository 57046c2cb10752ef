//! The gate of a feed-forward: `silu(gate) · up` with `silu(x) = x / (1 + e^-x)`, each number by itself.

use crate::computation::run_widest;
use crate::exponential::{LEAST, exponential};
use crate::lanes::{Computation, Lanes};
use crate::threads::Threads;

/// Numbers that a thread is woken for.
const WORTH_A_THREAD: usize = 32_768;

/// Of each row of `gate_up`, `size` numbers of the gate and then `size` of what it lets through, the gated ones: `size`
/// in each row of `gated`.
///
/// # Panics
/// The lengths do not go together.
pub fn gate(gate_up: &[f32], size: usize, gated: &mut [f32], threads: &Threads) {
    assert!(gate_up.len() == 2 * gated.len() && gated.len().is_multiple_of(size), "rows of {size} numbers");
    let num_pieces = threads.num_threads().min(gated.len() / WORTH_A_THREAD).max(1);
    let step = (gated.len() / size).div_ceil(num_pieces).max(1) * size;
    let pieces = gate_up.chunks(2 * step).zip(gated.chunks_mut(step)).collect();
    threads.run(pieces, || (), |(gate_up, gated), ()| run_widest(Gating { gate_up, size, gated }));
}

struct Gating<'a> {
    gate_up: &'a [f32],
    size: usize,
    gated: &'a mut [f32],
}

impl Computation for Gating<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { gate_up, size, gated } = self;
        for (gate_up, gated) in gate_up.chunks_exact(2 * size).zip(gated.chunks_exact_mut(size)) {
            let (gate, up) = gate_up.split_at(size);
            for ((gated, gate), up) in gated.iter_mut().zip(gate).zip(up) {
                *gated = silu(*gate) * up;
            }
        }
    }
}

#[inline(always)]
fn silu(x: f32) -> f32 {
    // The power is not positive, so that nothing overflows: e^-x / (1 + e^-x) is 1 / (1 + e^x).
    let power = -x.abs();
    let of_power = exponential(if power > LEAST { power } else { LEAST });
    let numerator = if x < 0.0 { of_power } else { 1.0 };
    x * (numerator / (1.0 + of_power))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_gated_by_the_formula_and_each_alone() {
        for size in [1, 17, 704] {
            let gate_up: Vec<f32> = (0..200 * size).map(|at| (at as f32 * 0.37).sin() * 40.0).collect();
            let mut whole = vec![0.0; 100 * size];
            gate(&gate_up, size, &mut whole, &Threads::new(3));
            for (row, found) in gate_up.chunks(2 * size).zip(whole.chunks(size)) {
                for at in 0..size {
                    let mut alone = [0.0];
                    gate(&[row[at], row[size + at]], 1, &mut alone, &Threads::new(1));
                    assert_eq!(alone[0], found[at]);
                    let (x, up) = (f64::from(row[at]), f64::from(row[size + at]));
                    let expected = x / (1.0 + (-x).exp()) * up;
                    assert!((f64::from(found[at]) - expected).abs() <= 4e-7 * expected.abs() + 1e-30, "{x} {up}");
                }
            }
        }
    }

    #[test]
    fn the_ends_are_those_of_the_formula() {
        assert_eq!(silu(0.0), 0.0);
        assert_eq!(silu(1e30), 1e30);
        assert_eq!(silu(-1e30), 0.0);
        assert!(silu(f32::NAN).is_nan());
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn vectors_of_every_width_have_the_same_bits() {
        let gate_up: Vec<f32> = (0..6 * 83).map(|at| (at as f32 * 0.37).sin() * 20.0).collect();
        let gated = crate::x86::tests::kinds().into_iter().map(|kind| {
            let mut gated = vec![0.0; 3 * 83];
            crate::x86::tests::run_kind(kind, Gating { gate_up: &gate_up, size: 83, gated: &mut gated });
            gated.iter().map(|number| number.to_bits()).collect::<Vec<u32>>()
        });
        let gated: Vec<_> = gated.collect();
        assert!(gated.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
