//! McNemar's test of two results with one sample a task: are as many tasks gained as lost?
//!
//! Over the n tasks that differ, the exact two-sided p is that of n fair coins. It is never too small and mostly too
//! large; the mid-p counts the observed outcome half (Fagerland, Lydersen and Laake 2013, "The McNemar test for binary
//! matched-pairs data: mid-p and asymptotic are better than exact conditional").

/// The p-values of McNemar's test; both are 1 where no task differs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct McNemar {
    /// Exact, two-sided.
    pub p_exact: f64,
    /// Mid-p, two-sided.
    pub p_mid: f64,
}

impl McNemar {
    /// The test of `gained` tasks against `lost` ones.
    pub fn of(gained: usize, lost: usize) -> Self {
        let num_differing = gained + lost;
        let fewer = gained.min(lost);
        let point = coin_point(num_differing, fewer);
        let tail = coin_tail(point, num_differing, fewer);
        let p_mid = match (num_differing, gained == lost) {
            (0, _) => 1.0,
            (_, true) => 1.0 - point / 2.0,
            (_, false) => 2.0 * tail - point,
        };
        Self { p_exact: (2.0 * tail).min(1.0), p_mid }
    }
}

/// The probability of `heads` heads among `count` fair coins: `C(count, heads) / 2^count`.
fn coin_point(count: usize, heads: usize) -> f64 {
    // Halved as the product grows, so that it neither overflows nor loses its digits by going through logarithms.
    let mut halvings = count;
    let mut product = 1.0_f64;
    for index in 0..heads {
        product *= (count - index) as f64 / (index as f64 + 1.0);
        while product > 1.0 && halvings > 0 {
            product /= 2.0;
            halvings -= 1;
        }
    }
    product * 0.5_f64.powf(halvings as f64)
}

/// The probability of at most `heads` heads, `point` being that of as many.
fn coin_tail(point: f64, count: usize, heads: usize) -> f64 {
    let mut term = point;
    let mut tail = point;
    for index in (0..heads).rev() {
        term *= (index as f64 + 1.0) / (count - index) as f64;
        tail += term;
    }
    tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_of_flips_neither_overflow_nor_vanish() {
        let found = McNemar::of(3000, 3000);
        assert!(found.p_exact == 1.0 && (found.p_mid - 0.995).abs() < 1e-3, "{found:?}");
        // One of 4000 in the tail: 2 (1 + 4000) / 2^4000 is no number any more, and 0 is right.
        assert_eq!(McNemar::of(1, 3999).p_exact, 0.0);
        let found = McNemar::of(900, 1100);
        assert!((7e-6..9e-6).contains(&found.p_exact) && found.p_mid < found.p_exact, "{found:?}");
    }
}
