//! How large a difference a set of tasks can show, and how many tasks a difference needs.
//!
//! A two-sided test at 5 % finds a difference of `(z_0.975 + z_0.8) s / sqrt(n)` over n tasks in 80 of 100 comparisons,
//! s being the standard deviation of the tasks' differences. With few tasks the exact power of the t test, by the
//! noncentral t distribution, asks for a little more.

use crate::aim::TestAim;
use crate::normal::{NORMAL_800, NORMAL_975};

/// The smallest difference that a test over `num_tasks` tasks finds in 80 of 100 comparisons.
pub fn smallest_detectable(standard_deviation: f64, num_tasks: usize) -> f64 {
    (NORMAL_975 + NORMAL_800) * standard_deviation / (num_tasks as f64).sqrt()
}

/// The number of tasks with which a test finds a difference in 80 of 100 comparisons; `None` for one that is not above
/// 0.
pub fn num_tasks_needed(standard_deviation: f64, difference: f64) -> Option<usize> {
    let needed = ((NORMAL_975 + NORMAL_800) * standard_deviation / difference).powi(2).ceil() as usize;
    (difference > 0.0).then_some(needed)
}

/// The smallest difference by the exact power of the t test; `None` with fewer than two tasks.
pub fn smallest_detectable_exact(standard_deviation: f64, num_tasks: usize) -> Option<f64> {
    TestAim::default().deviations_found(num_tasks).map(|deviations| deviations * standard_deviation)
}

/// The number of tasks by the exact power of the t test; `None` for a difference that is not above 0, or that needs so
/// many tasks that the normal approximation is all that can be said.
pub fn num_tasks_needed_exact(standard_deviation: f64, difference: f64) -> Option<usize> {
    TestAim::default().num_needed(difference / standard_deviation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_of_nothing_needs_no_number_of_tasks() {
        assert_eq!((num_tasks_needed(0.5, 0.0), num_tasks_needed_exact(0.5, f64::NAN)), (None, None));
        assert_eq!(num_tasks_needed_exact(0.0, 0.1), Some(2));
        assert_eq!(smallest_detectable_exact(0.5, 1), None);
        // What is needed for a difference shows that difference.
        let needed = num_tasks_needed_exact(0.5, 0.1).unwrap();
        let shown = smallest_detectable_exact(0.5, needed).unwrap();
        assert!(shown <= 0.1 && smallest_detectable_exact(0.5, needed - 1).unwrap() > 0.1, "{needed} {shown}");
    }
}
