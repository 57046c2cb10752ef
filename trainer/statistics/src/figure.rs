//! A share over tasks with its standard error and interval: the rule that every figure of an evaluation follows.
//!
//! Tasks are the unit. Samples of one task are not independent, so the standard error is clustered by task: the
//! standard deviation of the n tasks' means over `sqrt(n)` (Miller 2024, "Adding Error Bars to Evals",
//! arXiv:2411.00640). The effective count `N = p (1 - p) / se^2` is the number of independent samples that would give
//! the same error, held between the number of tasks and that of samples; it is the number of tasks where the error is 0
//! (after Korn and Graubard 1998). The 95 % interval stands at this count: Wilson's (1927) with the normal quantile
//! where every task has one sample, otherwise Agresti and Coull's (1998) with Student's on n - 1 degrees of freedom.
//! Unlike `p ± 1.96 se` it stays inside 0..1 and is not empty at 0 and 1. docs/evaluation.md says what it covers.
//!
//! Over several suites the macro figure weighs suites alike and the micro figure tasks, and the error has the same
//! weights: `se^2 = Σ w^2 se_i^2`. The effective count is `p (1 - p) / Σ w^2 p_i (1 - p_i) / N_i`, held below the
//! weighted number of samples `1 / Σ (w^2 / n_i)` (Kish 1965), and degrees of freedom are Satterthwaite's (1946). That
//! interval is approximate: no simulation stands behind it.

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
    /// Number of independent samples that would give the same error.
    pub effective_count: f64,
    /// Tasks; over suites the number of tasks of equal weight that would count as much.
    pub num_tasks: f64,
    /// Samples of all tasks, counted likewise.
    pub num_samples: f64,
    /// Degrees of freedom of the error; 0 with one task.
    pub degrees_of_freedom: f64,
}

impl Figure {
    /// The figure of some tasks' means, each 0..=1, from `num_samples` samples in all; `None` where there is no task.
    pub fn of(task_means: &[f64], num_samples: usize) -> Option<Self> {
        if task_means.is_empty() {
            return None;
        }
        let value = mean(task_means.iter().copied());
        let standard_error = standard_error(task_means);
        let num_tasks = task_means.len() as f64;
        let num_samples = (num_samples as f64).max(num_tasks);
        let effective_count = match standard_error {
            Some(error) if error > 0.0 => (value * (1.0 - value) / error.powi(2)).max(num_tasks).min(num_samples),
            _ => num_tasks,
        };
        let degrees_of_freedom = num_tasks - 1.0;
        let interval = [0.0, 1.0];
        let figure =
            Self { value, standard_error, interval, effective_count, num_tasks, num_samples, degrees_of_freedom };
        Some(figure.with_interval())
    }

    /// One figure of several suites; `None` where there is no suite. The suites share no task.
    pub fn over(suites: &[Self], weighting: Weighting) -> Option<Self> {
        if suites.is_empty() {
            return None;
        }
        // Sum over suites, of what the square of the weight multiplies.
        let weigh = |part: &dyn Fn(&Self) -> f64| -> f64 {
            suites.iter().map(|suite| weighting.of(suite, suites).powi(2) * part(suite)).sum()
        };
        let value = suites.iter().map(|suite| weighting.of(suite, suites) * suite.value).sum::<f64>();
        let num_tasks = 1.0 / weigh(&|suite| 1.0 / suite.num_tasks);
        let num_samples = 1.0 / weigh(&|suite| 1.0 / suite.num_samples);
        let variance = weigh(&|suite| suite.value * (1.0 - suite.value) / suite.effective_count);
        let effective_count =
            if variance > 0.0 { (value * (1.0 - value) / variance).min(num_samples) } else { num_tasks };
        let has_errors = suites.iter().all(|suite| suite.standard_error.is_some());
        let square = |suite: &Self| suite.standard_error.map_or(0.0, |error| error.powi(2));
        let total = weigh(&square);
        let fourth = |suite: &Self| weighting.of(suite, suites).powi(2) * square(suite).powi(2);
        let degrees_of_freedom = match has_errors {
            true if total > 0.0 => total.powi(2) / weigh(&|suite| fourth(suite) / suite.degrees_of_freedom),
            true => suites.iter().map(|suite| suite.degrees_of_freedom).sum(),
            false => 0.0,
        };
        let figure = Self {
            value,
            standard_error: has_errors.then(|| total.sqrt()),
            interval: [0.0, 1.0],
            effective_count,
            num_tasks,
            num_samples,
            degrees_of_freedom,
        };
        Some(figure.with_interval())
    }

    fn with_interval(self) -> Self {
        // Rounding may put the mean of weighted shares a hair outside.
        let share = self.value.clamp(0.0, 1.0);
        let has_one_sample_a_task = self.num_samples <= self.num_tasks * (1.0 + 1e-12);
        let interval = if has_one_sample_a_task || self.degrees_of_freedom <= 0.0 {
            wilson(share, self.effective_count, NORMAL_975)
        } else {
            agresti_coull(share, self.effective_count, student_quantile_above(0.025, self.degrees_of_freedom))
        };
        Self { interval, ..self }
    }
}
