//! A share over tasks with its standard error and interval: the rule that every figure of an evaluation follows.
//!
//! Tasks are the unit. Samples of one task are not independent, so the standard error is clustered by task: `s / sqrt(n)`
//! with `s` the standard deviation of the n tasks' means (Miller 2024, "Adding Error Bars to Evals", arXiv:2411.00640).
//! The effective count `N = p (1 - p) / se^2` is the number of independent samples that would give the same error,
//! held between the number of tasks and that of samples; it is the number of tasks where the error is 0 (after Korn and
//! Graubard 1998). The 95 % interval stands at this count: Wilson's (1927) with the normal quantile where every task
//! has one sample, otherwise Agresti and Coull's (1998) with Student's on n - 1 degrees of freedom. Unlike
//! `p ± 1.96 se` it stays inside 0..1 and is not empty at 0 and 1. docs/evaluation.md says what it covers.
//!
//! Over several suites the macro figure weighs suites alike and the micro figure tasks, and the error has the same
//! weights: `se^2 = Σ w^2 se_i^2`. Degrees of freedom are Satterthwaite's (1946), and the effective count is held
//! between the weighted counts `1 / Σ (w^2 / n_i)` of tasks and of samples (Kish 1965). That interval is approximate:
//! no simulation stands behind it.

use serde::{Deserialize, Serialize};

use crate::mean::{mean, standard_error};
use crate::normal::{NORMAL_975, student_quantile_above};
use crate::proportion::{agresti_coull, wilson};

/// Weights of several suites in one figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weighting {
    /// Suites weigh alike, whatever their size.
    Macro,
    /// Tasks weigh alike, so that suites weigh by their size.
    Micro,
}

impl Weighting {
    /// The weight of one of some suites; all of them sum to 1.
    pub(crate) fn of(self, suite: &Figure, suites: &[Figure]) -> f64 {
        match self {
            Self::Macro => 1.0 / suites.len() as f64,
            Self::Micro => suite.num_tasks / suites.iter().map(|suite| suite.num_tasks).sum::<f64>(),
        }
    }
}

/// A share, 0..=1, with what is known of its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The mean over tasks, or over suites.
    pub value: f64,
    /// Standard error by task; `None` with fewer than two tasks.
    pub standard_error: Option<f64>,
    /// 95 % interval: lower and upper end, within 0..=1.
    pub interval: [f64; 2],
    /// Tasks; in a macro figure the number of tasks of equal weight that would count as much.
    pub num_tasks: f64,
    /// Samples of all tasks, counted likewise.
    pub num_samples: f64,
    /// Degrees of freedom of the error; 0 with one task.
    pub degrees_of_freedom: f64,
}

impl Figure {
    /// The figure of some tasks' means, each 0..=1, from `num_samples` samples in all; `None` where there is no task.
    pub fn of(task_means: &[f64], num_samples: usize) -> Option<Self> {
        let num_tasks = task_means.len() as f64;
        let figure = Self {
            value: mean(task_means.iter().copied()),
            standard_error: standard_error(task_means),
            interval: [0.0, 1.0],
            num_tasks,
            num_samples: (num_samples as f64).max(num_tasks),
            degrees_of_freedom: num_tasks - 1.0,
        };
        (!task_means.is_empty()).then(|| figure.with_interval())
    }

    /// One figure of several suites; `None` where there is no suite. The suites share no task.
    pub fn over(suites: &[Self], weighting: Weighting) -> Option<Self> {
        let weight = |suite: &Self| weighting.of(suite, suites);
        let sum = |part: &dyn Fn(&Self) -> f64| suites.iter().map(part).sum::<f64>();
        let square = |suite: &Self| suite.standard_error.map(|error| (weight(suite) * error).powi(2));
        let squares: Option<Vec<f64>> = suites.iter().map(square).collect();
        let degrees_of_freedom = squares.as_ref().map_or(0.0, |squares| {
            let total: f64 = squares.iter().sum();
            let parts = squares.iter().zip(suites);
            let rest: f64 = parts.map(|(square, suite)| square * square / suite.degrees_of_freedom).sum();
            if total > 0.0 { total * total / rest } else { sum(&|suite| suite.degrees_of_freedom) }
        });
        let figure = Self {
            value: sum(&|suite| weight(suite) * suite.value),
            standard_error: squares.map(|squares| squares.iter().sum::<f64>().sqrt()),
            interval: [0.0, 1.0],
            num_tasks: 1.0 / sum(&|suite| weight(suite).powi(2) / suite.num_tasks),
            num_samples: 1.0 / sum(&|suite| weight(suite).powi(2) / suite.num_samples),
            degrees_of_freedom,
        };
        (!suites.is_empty()).then(|| figure.with_interval())
    }

    /// Number of independent samples that would give the same error.
    pub fn effective_count(&self) -> f64 {
        match self.standard_error {
            Some(error) if error > 0.0 => {
                (self.value * (1.0 - self.value) / error.powi(2)).max(self.num_tasks).min(self.num_samples)
            }
            _ => self.num_tasks,
        }
    }

    fn with_interval(self) -> Self {
        let count = self.effective_count();
        // Rounding may put the mean of weighted shares a hair outside.
        let share = self.value.clamp(0.0, 1.0);
        let has_one_sample_a_task = self.num_samples <= self.num_tasks * (1.0 + 1e-12);
        let interval = if has_one_sample_a_task || self.degrees_of_freedom <= 0.0 {
            wilson(share, count, NORMAL_975)
        } else {
            agresti_coull(share, count, student_quantile_above(0.025, self.degrees_of_freedom))
        };
        Self { interval, ..self }
    }
}
