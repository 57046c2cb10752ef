//! How large a difference a set of tasks can show, and how many tasks a difference needs.
//!
//! A two-sided test at 5 % finds a difference d over n tasks in 80 of 100 comparisons if
//! `d = (z_0.975 + z_0.8) s / sqrt(n)`, s being the standard deviation of the tasks' differences. With few tasks the exact
//! power of the t test, by the noncentral t distribution, asks for a little more.

use crate::noncentral_t::noncentral_t_below;
use crate::normal::{NORMAL_800, NORMAL_975, student_quantile_above};

/// Share of the comparisons in which a difference is to be found.
const POWER: f64 = 0.8;

/// The smallest difference that a test over `num_tasks` tasks finds in 80 of 100 comparisons.
pub fn smallest_detectable(standard_deviation: f64, num_tasks: usize) -> f64 {
    (NORMAL_975 + NORMAL_800) * standard_deviation / (num_tasks as f64).sqrt()
}

/// The number of tasks with which a test finds a difference in 80 of 100 comparisons.
pub fn num_tasks_needed(standard_deviation: f64, difference: f64) -> usize {
    ((NORMAL_975 + NORMAL_800) * standard_deviation / difference).powi(2).ceil() as usize
}

/// The smallest difference by the exact power of the t test; `None` with fewer than two tasks.
pub fn smallest_detectable_exact(standard_deviation: f64, num_tasks: usize) -> Option<f64> {
    if num_tasks < 2 {
        return None;
    }
    // The exact difference is above the approximate one, and below its tenfold but with two or three tasks.
    let mut low = 0.0;
    let mut high = smallest_detectable(1.0, num_tasks);
    while power(high, num_tasks) < POWER {
        low = high;
        high *= 2.0;
    }
    loop {
        let middle = f64::midpoint(low, high);
        if high - low <= 1e-13 * high || middle == low || middle == high {
            return Some(high * standard_deviation);
        }
        if power(middle, num_tasks) < POWER {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// The number of tasks by the exact power of the t test.
pub fn num_tasks_needed_exact(standard_deviation: f64, difference: f64) -> usize {
    let approximate = num_tasks_needed(standard_deviation, difference);
    (approximate.saturating_sub(1).max(2)..)
        .find(|num| power(difference / standard_deviation, *num) >= POWER)
        .unwrap_or(approximate)
}

/// Power of a two-sided t test at 5 % for a difference in standard deviations.
fn power(effect: f64, num_tasks: usize) -> f64 {
    let df = num_tasks as f64 - 1.0;
    let noncentrality = effect * (num_tasks as f64).sqrt();
    let critical = student_quantile_above(0.025, df);
    1.0 - noncentral_t_below(critical, df, noncentrality) + noncentral_t_below(-critical, df, noncentrality)
}
