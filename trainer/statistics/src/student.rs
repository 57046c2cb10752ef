//! Student's t over some values: the interval of their mean, and the probability of one so far from a given mean.

use crate::mean::{mean, standard_error};
use crate::normal::{student_quantile_above, student_tail};

/// A mean with its error. Where all values are alike there is no error to measure, so neither interval nor test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StudentMean {
    /// The mean.
    pub mean: f64,
    /// Number of values.
    pub num: usize,
    /// Standard error of the mean; `None` with fewer than two values.
    pub standard_error: Option<f64>,
}

impl StudentMean {
    /// The mean of some values, at least one.
    pub fn of(values: &[f64]) -> Self {
        Self { mean: mean(values.iter().copied()), num: values.len(), standard_error: standard_error(values) }
    }

    /// Degrees of freedom: number of values less one.
    pub fn degrees_of_freedom(&self) -> f64 {
        self.num as f64 - 1.0
    }

    fn error(&self) -> Option<f64> {
        self.standard_error.filter(|error| *error > 0.0)
    }

    /// The distance of the mean from another one, in standard errors.
    pub fn t_from(&self, other: f64) -> Option<f64> {
        self.error().map(|error| (self.mean - other) / error)
    }

    /// 95 % interval.
    pub fn interval(&self) -> Option<[f64; 2]> {
        let reach = student_quantile_above(0.025, self.degrees_of_freedom()) * self.error()?;
        Some([self.mean - reach, self.mean + reach])
    }

    /// One-sided lower bound of 95 %.
    pub fn lower_bound(&self) -> Option<f64> {
        Some(self.mean - student_quantile_above(0.05, self.degrees_of_freedom()) * self.error()?)
    }

    /// The two-sided probability of a mean so far from 0 if 0 is the true one; 1 where every value is 0.
    pub fn p_value(&self) -> Option<f64> {
        match self.t_from(0.0) {
            Some(t) => Some(2.0 * student_tail(t.abs(), self.degrees_of_freedom())),
            None => (self.num > 1 && self.mean == 0.0).then_some(1.0),
        }
    }

    /// The probability of a mean as high as this or higher if `other` is the true one.
    pub fn p_above(&self, other: f64) -> Option<f64> {
        self.t_from(other).map(|t| student_tail(t, self.degrees_of_freedom()))
    }

    /// The probability of a mean as low as this or lower if `other` is the true one.
    pub fn p_below(&self, other: f64) -> Option<f64> {
        self.t_from(other).map(|t| student_tail(-t, self.degrees_of_freedom()))
    }
}
