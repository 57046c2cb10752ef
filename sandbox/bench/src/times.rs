//! Quantiles of measured times.

use serde::{Deserialize, Serialize};

use super::error::BenchError;

/// Quantiles of one measured thing, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// The median.
    pub median_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
    /// Measured times in all.
    pub count: usize,
}

impl Times {
    /// The quantiles of times in seconds.
    ///
    /// # Errors
    /// [`BenchError::NoTimes`] for an empty list.
    pub(super) fn of(mut seconds: Vec<f64>) -> Result<Self, BenchError> {
        if seconds.is_empty() {
            return Err(BenchError::NoTimes);
        }
        seconds.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let index = ((seconds.len() as f64 * share).ceil() as usize).clamp(1, seconds.len()) - 1;
            seconds[index] * 1e3
        };
        Ok(Self { median_ms: at(0.5), p99_ms: at(0.99), count: seconds.len() })
    }
}

/// The median, of an even number of values the upper one; not a number for an empty list.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::{Times, median};

    #[test]
    fn quantiles_are_taken_at_their_rank() {
        let times = Times::of((1..=200).rev().map(|number| f64::from(number) / 1e3).collect()).unwrap();
        assert_eq!((times.median_ms, times.p99_ms, times.count), (100.0, 198.0, 200));
        assert_eq!(Times::of(vec![0.002]).unwrap().p99_ms, 2.0);
        assert!(Times::of(Vec::new()).is_err());
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
    }
}
