//! Quantiles and tails of the normal and of Student's t distribution.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// The 97.5 % point of the normal distribution, for two-sided intervals of 95 %.
pub(crate) const NORMAL_975: f64 = 1.959_963_984_540_054;

/// The 95 % point, for one-sided bounds of 95 %.
pub(crate) const NORMAL_950: f64 = 1.644_853_626_951_472_2;

/// The 80 % point, for a power of 80 %.
pub(crate) const NORMAL_800: f64 = 0.841_621_233_572_914_3;

/// The probability of at least `z`.
pub(crate) fn normal_tail(z: f64) -> f64 {
    Normal::standard().sf(z)
}

/// The point that a normal number lies above with this probability.
pub(crate) fn normal_quantile_above(tail: f64) -> f64 {
    Normal::standard().inverse_cdf(1.0 - tail)
}

/// The probability of at least `t` with `df` degrees of freedom, which are positive.
pub(crate) fn student_tail(t: f64, df: f64) -> f64 {
    StudentsT::new(0.0, 1.0, df).map_or(f64::NAN, |student| student.sf(t))
}

/// The point that Student's t lies above with this probability, less than a half; infinite without a degree of freedom.
pub(crate) fn student_quantile_above(tail: f64, df: f64) -> f64 {
    StudentsT::new(0.0, 1.0, df).map_or(f64::INFINITY, |student| student.inverse_cdf(1.0 - tail))
}
