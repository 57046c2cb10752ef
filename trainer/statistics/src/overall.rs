//! One figure over several suites, named by its weighting.

use serde::{Deserialize, Serialize};

use crate::figure::{Figure, Weighting};
use crate::summary::EvalSummary;

/// pass@1 over several suites.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overall {
    /// Whether suites or tasks weigh alike.
    pub weighting: Weighting,
    /// The suites' names.
    pub suites: Vec<String>,
    /// The weighted mean of the suites' pass@1, 0..=1.
    pub value: f64,
    /// Its standard error, with the same weights; `None` where a suite has fewer than two tasks.
    pub standard_error: Option<f64>,
    /// 95 % interval; see [`Figure::over`]. Where verifiers broke it is as much longer as `low` and `high` lie apart
    /// from the value.
    pub interval: [f64; 2],
    /// The value with broken verdicts wrong.
    pub low: f64,
    /// The value with broken verdicts right.
    pub high: f64,
}

impl Overall {
    /// The figure over suites that share no task; `None` where there is no suite, or one lists no tasks.
    pub fn of(summaries: &[&EvalSummary], weighting: Weighting) -> Option<Self> {
        let figures: Option<Vec<Figure>> = summaries.iter().map(|summary| summary.figure()).collect();
        let figures = figures?;
        let figure = Figure::over(&figures, weighting)?;
        let end = |end: usize| -> f64 {
            let weights = figures.iter().map(|figure| weighting.of(figure, &figures));
            summaries.iter().zip(weights).map(|(summary, weight)| weight * summary.ends()[end]).sum()
        };
        let (low, high) = (end(0), end(1));
        let longer = [(figure.value - low).max(0.0), (high - figure.value).max(0.0)];
        Some(Self {
            weighting,
            suites: summaries.iter().map(|summary| summary.dataset.clone()).collect(),
            value: figure.value,
            standard_error: figure.standard_error,
            interval: [(figure.interval[0] - longer[0]).max(0.0), (figure.interval[1] + longer[1]).min(1.0)],
            low,
            high,
        })
    }
}
