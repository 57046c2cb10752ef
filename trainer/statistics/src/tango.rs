//! Tango's score interval of the difference of two paired shares (Tango 1998, "Equivalence test and confidence interval
//! for the difference in proportions for the paired-sample design").
//!
//! With b tasks gained and c lost of n, the statistic of a difference d is `(b - c - n d) / sqrt(n (2 q + d (1 - d)))`,
//! q being the constrained maximum-likelihood share of lost tasks, the larger root of
//! `2 n q^2 + (-b - c + (2 n - b + c) d) q - c d (1 - d)`. The interval holds the differences whose statistic lies
//! within the normal quantile.

/// Distance from -1 and 1 within which the statistic has no value.
const EDGE: f64 = 1e-12;

/// Tasks of two results with one sample each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flips {
    /// Tasks that fail before and pass after.
    pub gained: usize,
    /// Tasks that pass before and fail after.
    pub lost: usize,
    /// All tasks, at least one.
    pub num_tasks: usize,
}

impl Flips {
    /// The difference of the shares that pass, after less before.
    pub fn difference(&self) -> f64 {
        (self.gained as f64 - self.lost as f64) / self.num_tasks as f64
    }

    /// The score statistic of a difference, -1..=1: positive for one below the observed difference.
    pub fn statistic(&self, difference: f64) -> f64 {
        let [gained, lost, num] = [self.gained, self.lost, self.num_tasks].map(|count| count as f64);
        let linear = -gained - lost + (2.0 * num - gained + lost) * difference;
        let constant = -lost * difference * (1.0 - difference);
        let root = (linear * linear - 8.0 * num * constant).max(0.0).sqrt();
        let share_lost = (root - linear) / (4.0 * num);
        let spread = num * (2.0 * share_lost + difference * (1.0 - difference));
        if spread > 0.0 { (gained - lost - num * difference) / spread.sqrt() } else { 0.0 }
    }

    /// The differences whose statistic lies within `quantile`; an end is -1 or 1 where none lies outside.
    pub fn interval(&self, quantile: f64) -> [f64; 2] {
        [self.end(-1.0, quantile), self.end(1.0, quantile)]
    }

    fn end(&self, edge: f64, quantile: f64) -> f64 {
        let is_outside = |difference: f64| -edge * self.statistic(difference) > quantile;
        let mut outside = edge * (1.0 - EDGE);
        if !is_outside(outside) {
            return edge;
        }
        let mut inside = self.difference();
        loop {
            let middle = f64::midpoint(inside, outside);
            if middle == inside || middle == outside {
                return middle;
            }
            if is_outside(middle) {
                outside = middle;
            } else {
                inside = middle;
            }
        }
    }
}
