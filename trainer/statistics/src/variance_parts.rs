//! The variance of a task's mean in parts: between tasks, and within a task by sampling.
//!
//! `variance of task means = between + within / samples`, from tasks with two samples or more. With the samples'
//! differences between two results in the place of scores, it says what more samples a task would gain, and where only
//! more tasks help. The mean squares are those of the one-way analysis of variance (Fisher 1925), its correlation
//! within tasks that of Donner and Koval 1980, the design effect Kish's (1965).

use crate::mean::{mean, variance};

/// Parts of the variance of tasks' means.
#[derive(Debug, Clone, PartialEq)]
pub struct VarianceParts {
    /// Variance of the tasks' means.
    pub of_task_means: f64,
    /// What sampling adds to it: the mean over tasks of the variance of a task's samples, by their number.
    pub within: f64,
    /// What the tasks themselves add, at least 0.
    pub between: f64,
    /// The same, below 0 where the tasks differ less than chance has it.
    pub between_unclamped: f64,
    /// Mean square between tasks.
    pub mean_square_between: f64,
    /// Mean square within tasks.
    pub mean_square_within: f64,
    /// Samples of a task: n0 of the analysis of variance where tasks differ.
    pub size: f64,
    /// Correlation of two samples of one task; `None` where nothing varies.
    pub correlation: Option<f64>,
    /// Factor by which clustering grows the variance of a mean over samples.
    pub design_effect: Option<f64>,
    num_tasks: f64,
    has_equal_sizes: bool,
}

impl VarianceParts {
    /// The parts of some tasks' scores; `None` with fewer than two tasks, or a task with fewer than two samples.
    pub fn of(tasks: &[Vec<f64>]) -> Option<Self> {
        let means: Vec<f64> = tasks.iter().map(|task| mean(task.iter().copied())).collect();
        let of_task_means = variance(&means)?;
        let variances: Option<Vec<f64>> = tasks.iter().map(|task| variance(task)).collect();
        let variances = variances?;
        let sizes: Vec<f64> = tasks.iter().map(|task| task.len() as f64).collect();
        let (num_tasks, num_samples) = (tasks.len() as f64, sizes.iter().sum::<f64>());
        let center = mean(tasks.iter().flatten().copied());
        let with_sizes = |values: &[f64], part: fn(f64, f64) -> f64| -> f64 {
            sizes.iter().zip(values).map(|(size, value)| part(*size, *value)).sum()
        };
        let within = with_sizes(&variances, |size, variance| variance / size) / num_tasks;
        let offsets: Vec<f64> = means.iter().map(|mean| mean - center).collect();
        let mean_square_between = with_sizes(&offsets, |size, offset| size * offset * offset) / (num_tasks - 1.0);
        let mean_square_within =
            with_sizes(&variances, |size, variance| (size - 1.0) * variance) / (num_samples - num_tasks);
        let squares: f64 = sizes.iter().map(|size| size * size).sum();
        let size = (num_samples - squares / num_samples) / (num_tasks - 1.0);
        let total = mean_square_between + (size - 1.0) * mean_square_within;
        let correlation = (total > 0.0).then(|| (mean_square_between - mean_square_within) / total);
        Some(Self {
            of_task_means,
            within,
            between: (of_task_means - within).max(0.0),
            between_unclamped: of_task_means - within,
            mean_square_between,
            mean_square_within,
            size,
            correlation,
            design_effect: correlation.map(|correlation| 1.0 + (size - 1.0) * correlation),
            num_tasks,
            has_equal_sizes: sizes.iter().all(|size| *size == sizes[0]),
        })
    }

    /// The standard error of the mean over as many tasks with `num_samples` samples each; `None` where the tasks
    /// measured have unequal numbers of samples.
    pub fn standard_error_at(&self, num_samples: usize) -> Option<f64> {
        let within = self.within * self.size / num_samples as f64;
        self.has_equal_sizes.then(|| ((self.between + within) / self.num_tasks).sqrt())
    }
}
