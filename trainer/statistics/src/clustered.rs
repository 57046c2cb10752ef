//! Errors of the mean over all samples, clustered by task: for sets whose tasks have unequal numbers of samples and
//! whose figure weighs samples alike. The figures of this crate weigh tasks alike, see [`Figure`](crate::Figure); where
//! all tasks have as many samples, the sandwich error is theirs.

use crate::mean::{mean, variance};

/// Errors of a mean over samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClusteredErrors {
    /// The mean over samples.
    pub mean: f64,
    /// `sqrt(s^2 / n + Σ (x - mean) (y - mean) / n^2)` over the pairs x, y of one task's samples (Miller 2024, "Adding
    /// Error Bars to Evals", arXiv:2411.00640).
    pub miller: f64,
    /// The sandwich `sqrt(G / (G - 1) Σ r^2) / n`, r being a task's sum of residuals and G the number of tasks (Liang
    /// and Zeger 1986, "Longitudinal data analysis using generalized linear models").
    pub sandwich: f64,
}

impl ClusteredErrors {
    /// The errors of some tasks' scores; `None` with fewer than two tasks.
    pub fn of(tasks: &[Vec<f64>]) -> Option<Self> {
        let values: Vec<f64> = tasks.iter().flatten().copied().collect();
        let (num_tasks, num_samples) = (tasks.len() as f64, values.len() as f64);
        let plain = variance(&values).filter(|_| tasks.len() > 1)?;
        let center = mean(values);
        let residuals = |task: &Vec<f64>| task.iter().map(|score| score - center).sum::<f64>();
        let squares = |task: &Vec<f64>| task.iter().map(|score| (score - center).powi(2)).sum::<f64>();
        // Of a task's pairs: the square of the sum less the squares.
        let products: f64 = tasks.iter().map(|task| residuals(task).powi(2) - squares(task)).sum();
        let of_tasks: f64 = tasks.iter().map(|task| residuals(task).powi(2)).sum();
        Some(Self {
            mean: center,
            miller: (plain / num_samples + products / num_samples.powi(2)).max(0.0).sqrt(),
            sandwich: (num_tasks / (num_tasks - 1.0) * of_tasks).sqrt() / num_samples,
        })
    }
}
