//! How large a difference a set of tasks can show, and how many tasks a difference needs.

use crate::normal::{NORMAL_800, NORMAL_975};

/// The smallest difference that a two-sided test at 5 % finds in 80 of 100 comparisons:
/// `(z_0.975 + z_0.8) s / sqrt(n)`, s being the standard deviation of the tasks' differences.
pub fn smallest_detectable(standard_deviation: f64, num_tasks: usize) -> f64 {
    (NORMAL_975 + NORMAL_800) * standard_deviation / (num_tasks as f64).sqrt()
}
