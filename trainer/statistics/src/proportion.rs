//! The standard error and the interval of a share over tasks.
//!
//! Samples of one task are not independent, so the standard error is clustered by task: `s / sqrt(n)` with `s` the
//! standard deviation of the n tasks' means (Miller 2024, "Adding Error Bars to Evals", arXiv:2411.00640). The 95 %
//! interval is Wilson's (1927) at the number of independent samples that would give the same error, `p (1 - p) / se^2`,
//! clamped to n at least and n k at most. Unlike `p ± 1.96 se` it stays inside 0..1 and is not empty at 0 and 1.

/// The 97.5 % point of the normal distribution.
const NORMAL_95: f64 = 1.959_963_984_540_054;

/// The mean of some values; NaN where there are none.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

/// The standard error of the mean of tasks' means; `None` with fewer than two tasks.
pub(crate) fn standard_error(task_means: &[f64]) -> Option<f64> {
    let count = task_means.len() as f64;
    let center = mean(task_means.iter().copied());
    let squares: f64 = task_means.iter().map(|value| (value - center).powi(2)).sum();
    (task_means.len() > 1).then(|| (squares / (count - 1.0) / count).sqrt())
}

/// The 95 % interval of a share, lower and upper end, over `num_tasks` tasks with `num_samples` samples each.
pub(crate) fn interval(share: f64, standard_error: Option<f64>, num_tasks: usize, num_samples: usize) -> [f64; 2] {
    let fewest = num_tasks as f64;
    let most = fewest * num_samples.max(1) as f64;
    let count = match standard_error {
        Some(error) if error > 0.0 => (share * (1.0 - share) / error.powi(2)).clamp(fewest, most),
        _ => fewest,
    };
    let z2 = NORMAL_95.powi(2);
    let center = (share + z2 / (2.0 * count)) / (1.0 + z2 / count);
    let reach = NORMAL_95 * (share * (1.0 - share) / count + z2 / (4.0 * count * count)).sqrt() / (1.0 + z2 / count);
    [(center - reach).max(0.0), (center + reach).min(1.0)]
}
