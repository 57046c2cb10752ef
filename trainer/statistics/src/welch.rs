//! The difference of two means whose values are not paired: what an interval would be without equal seeds.
//!
//! `se^2 = s_1^2 / n_1 + s_2^2 / n_2` with Welch's degrees of freedom (1947, "The generalization of Student's problem
//! when several different population variances are involved").

use crate::mean::{mean, variance};
use crate::normal::student_quantile_above;

/// 95 % interval of the mean of `second` less that of `first`, unpaired; `None` with fewer than two values in one, or
/// where neither varies.
pub fn unpaired_interval(first: &[f64], second: &[f64]) -> Option<[f64; 2]> {
    let part = |values: &[f64]| Some((variance(values)? / values.len() as f64, values.len() as f64 - 1.0));
    let ((of_first, df_first), (of_second, df_second)) = (part(first)?, part(second)?);
    let squared = of_first + of_second;
    let df = squared * squared / (of_first * of_first / df_first + of_second * of_second / df_second);
    let difference = mean(second.iter().copied()) - mean(first.iter().copied());
    let reach = student_quantile_above(0.025, df) * squared.sqrt();
    (squared > 0.0).then_some([difference - reach, difference + reach])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_spreads_have_the_degrees_of_both() {
        // Variance 1 each of three: error sqrt(2/3), four degrees of freedom, 2.776 errors.
        let [low, high] = unpaired_interval(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]).unwrap();
        let reach = 2.776_445_1 * (2.0_f64 / 3.0).sqrt();
        assert!((low - (3.0 - reach)).abs() < 1e-6 && (high - (3.0 + reach)).abs() < 1e-6, "{low} {high}");
        assert_eq!((unpaired_interval(&[1.0], &[2.0, 3.0]), unpaired_interval(&[1.0; 3], &[2.0; 3])), (None, None));
    }
}
