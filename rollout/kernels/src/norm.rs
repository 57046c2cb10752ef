//! Root-mean-square norms (arXiv 1910.07467) of rows, each with sums of one order: `y = x / sqrt(mean(x²) + eps) · w`.

use crate::computation::run_widest;
use crate::lanes::{Computation, Lanes, WIDTH};
use crate::threads::Threads;

/// Numbers that a thread is woken for.
const WORTH_A_THREAD: usize = 65_536;

/// What rows are normed with.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// A factor for each number of a row.
    pub weight: &'a [f32],
    /// Added to the mean.
    pub eps: f32,
}

/// Norms rows of as many numbers as `norm` has factors, which stand one behind the other, to as many of `normed`.
///
/// # Panics
/// The lengths do not go together.
pub fn rms_norm(x: &[f32], norm: Norm<'_>, normed: &mut [f32], threads: &Threads) {
    let size = norm.weight.len();
    assert!(x.len() == normed.len() && x.len().is_multiple_of(size), "rows of {size} numbers");
    let num_pieces = threads.num_threads().min(x.len() / WORTH_A_THREAD).max(1);
    let step = (x.len() / size).div_ceil(num_pieces).max(1) * size;
    let pieces = x.chunks(step).zip(normed.chunks_mut(step)).collect();
    threads.run(pieces, || (), |(x, normed), ()| run_widest(Norming { x, norm, normed }));
}

struct Norming<'a> {
    x: &'a [f32],
    norm: Norm<'a>,
    normed: &'a mut [f32],
}

impl Computation for Norming<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Norm { weight, eps } = self.norm;
        let size = weight.len();
        for (x, normed) in self.x.chunks_exact(size).zip(self.normed.chunks_exact_mut(size)) {
            let factor = 1.0 / (sum_of_squares::<L>(x) / size as f32 + eps).sqrt();
            for ((normed, x), weight) in normed.iter_mut().zip(x).zip(weight) {
                *normed = x * factor * weight;
            }
        }
    }
}

/// By lanes, whose sums are added by halves.
#[inline(always)]
fn sum_of_squares<L: Lanes>(x: &[f32]) -> f32 {
    let mut sums = [0.0f32; WIDTH];
    let (lines, rest) = x.as_chunks::<WIDTH>();
    for line in lines {
        for lane in 0..WIDTH {
            sums[lane] += line[lane] * line[lane];
        }
    }
    for (sum, number) in sums.iter_mut().zip(rest) {
        *sum += number * number;
    }
    L::load(&sums).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(len: usize) -> Vec<f32> {
        (0..len).map(|at| (at as f32 * 0.37).sin() * 3.0).collect()
    }

    #[test]
    fn rows_are_normed_by_the_formula_and_alone() {
        for size in [1, 15, 16, 100, 640] {
            let (x, weight) = (numbers(300 * size), numbers(size));
            let norm = Norm { weight: &weight, eps: 1e-6 };
            let mut whole = vec![0.0; x.len()];
            rms_norm(&x, norm, &mut whole, &Threads::new(3));
            for (row, found) in x.chunks(size).zip(whole.chunks(size)) {
                let mut alone = vec![0.0; size];
                rms_norm(row, norm, &mut alone, &Threads::new(1));
                assert_eq!(alone, found);
                let mean = row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / size as f64;
                for ((x, weight), found) in row.iter().zip(&weight).zip(found) {
                    let expected = f64::from(*x) / (mean + 1e-6).sqrt() * f64::from(*weight);
                    assert!((f64::from(*found) - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{size}");
                }
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn vectors_of_every_width_have_the_same_bits() {
        let (x, weight) = (numbers(7 * 83), numbers(83));
        let norm = Norm { weight: &weight, eps: 1e-5 };
        let normed = crate::x86::tests::kinds().into_iter().map(|kind| {
            let mut normed = vec![0.0; x.len()];
            crate::x86::tests::run_kind(kind, Norming { x: &x, norm, normed: &mut normed });
            normed.iter().map(|number| number.to_bits()).collect::<Vec<u32>>()
        });
        let normed: Vec<_> = normed.collect();
        assert!(normed.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
