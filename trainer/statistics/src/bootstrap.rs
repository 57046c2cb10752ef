//! The bootstrap of a mean over tasks, for comparison with the rules of this crate: with few tasks it covers less.

use crate::mean::{mean, variance};

/// Interval and error from resampled tasks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bootstrap {
    /// 95 % percentile interval: linear between order statistics (Efron 1979, "Bootstrap methods"; Hyndman and Fan
    /// 1996, definition 7).
    pub interval: [f64; 2],
    /// Standard deviation of the resampled means.
    pub standard_error: f64,
}

impl Bootstrap {
    /// The bootstrap of the values' mean, each resample being the places of the values that are in it. `None` with
    /// fewer than two resamples, or one that is empty or names a place that is not there.
    pub fn of(values: &[f64], resamples: &[Vec<usize>]) -> Option<Self> {
        let resampled = |places: &Vec<usize>| {
            let drawn: Option<Vec<f64>> = places.iter().map(|place| values.get(*place).copied()).collect();
            drawn.filter(|drawn| !drawn.is_empty()).map(mean)
        };
        let means: Option<Vec<f64>> = resamples.iter().map(resampled).collect();
        let mut means = means?;
        means.sort_by(f64::total_cmp);
        let standard_error = variance(&means)?.sqrt();
        Some(Self { interval: [quantile(&means, 0.025), quantile(&means, 0.975)], standard_error })
    }
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = (sorted.len() - 1) as f64 * share;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + place.fract() * (above - below)
}
