//! What a t test is to find: with which level, and in how many of 100 repeats. On it stand what n seeds could show at
//! all and how many seeds a difference needs, by the exact power of the test.

use crate::noncentral_t::{LARGEST, noncentral_t_below};
use crate::normal::student_quantile_above;

/// Values beyond the first guess among which a number is looked for.
const MOST: usize = 100_000;

/// Level of a two-sided t test, and the share of the repeats in which it is to find a difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestAim {
    /// Level, within 0..1.
    pub alpha: f64,
    /// Share of the repeats, within `alpha`..1.
    pub power: f64,
}

impl Default for TestAim {
    fn default() -> Self {
        Self { alpha: 0.05, power: 0.8 }
    }
}

impl TestAim {
    /// Power for a difference that lies so many standard errors from 0.
    fn power_at(&self, errors: f64, df: f64) -> f64 {
        let critical = student_quantile_above(self.alpha / 2.0, df);
        1.0 - noncentral_t_below(critical, df, errors) + noncentral_t_below(-critical, df, errors)
    }

    /// True where a difference of so many standard errors is found often enough. More than 37 errors count as 37.
    pub fn is_found(&self, errors: f64, df: f64) -> bool {
        self.power_at(errors.min(LARGEST), df) >= self.power
    }

    /// The standard errors from 0 at which a difference is found often enough; `None` without a degree of freedom, and
    /// beyond 37 errors, where the distribution is not computed.
    pub fn errors_found(&self, df: f64) -> Option<f64> {
        let (mut low, mut high) = (0.0, LARGEST);
        if df <= 0.0 || !self.is_found(high, df) {
            return None;
        }
        loop {
            let middle = f64::midpoint(low, high);
            if high - low <= 1e-13 * high || middle == low || middle == high {
                return Some(high);
            }
            if self.is_found(middle, df) {
                high = middle;
            } else {
                low = middle;
            }
        }
    }

    /// The smallest difference that `num` values find, in their standard deviations: rounded up 11.6, 3.3, 1.7 and 1.2
    /// with 2, 3, 5 and 8 at the default aim.
    pub fn deviations_found(&self, num: usize) -> Option<f64> {
        Some(self.errors_found(num as f64 - 1.0)? / (num as f64).sqrt())
    }

    /// The number of values, at least two, that find a difference of so many standard deviations; `None` for one that
    /// is not above 0 or needs more than 100,000.
    pub fn num_needed(&self, deviations: f64) -> Option<usize> {
        let is_found = |num: usize| self.is_found(deviations * (num as f64).sqrt(), num as f64 - 1.0);
        if !(deviations > 0.0 && is_found(MOST)) {
            return None;
        }
        let (mut low, mut high) = (1, MOST);
        while high - low > 1 {
            let middle = usize::midpoint(low, high);
            if is_found(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        Some(high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_seeds_show_large_differences_alone() {
        let aim = TestAim::default();
        let shown = [2, 3, 5, 8].map(|num| aim.deviations_found(num).unwrap());
        assert_eq!(shown.map(|found| (10.0 * found).ceil() / 10.0), [11.6, 3.3, 1.7, 1.2]);
        // With one degree of freedom the distribution can be integrated by hand: 16.334 errors.
        assert!((shown[0] - 11.549_888).abs() < 1e-5, "{shown:?}");
        assert_eq!((aim.deviations_found(1), aim.errors_found(0.0)), (None, None));
        // A level that two seeds can hardly reach is beyond what is computed, and not called found.
        assert_eq!(TestAim { alpha: 0.001, power: 0.8 }.deviations_found(2), None);
    }

    #[test]
    fn the_number_needed_shows_the_difference_and_one_less_does_not() {
        let aim = TestAim::default();
        for deviations in [0.1, 0.5, 1.2, 3.0, 20.0] {
            let needed = aim.num_needed(deviations).unwrap();
            assert!(aim.deviations_found(needed).unwrap() <= deviations);
            assert!(aim.deviations_found(needed - 1).is_none_or(|fewer| fewer > deviations), "{needed}");
        }
        assert_eq!((aim.num_needed(0.0), aim.num_needed(f64::NAN), aim.num_needed(1e-6)), (None, None, None));
        assert_eq!(aim.num_needed(f64::INFINITY), Some(2));
    }
}
