//! A metric over steps: its points, a smoothed curve through them, fewer of them for drawing. Must not know how a
//! series is drawn.

use record::metrics::Metrics;

/// Points of one metric by step; values are finite.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// Text in the legend.
    pub label: String,
    /// Step and value, in the order in which they were recorded.
    pub points: Vec<(f64, f64)>,
}

impl Series {
    /// The finite values of the metric `name`; `None` when no step has one.
    pub(crate) fn of(rows: &[Metrics], name: &str, label: &str) -> Option<Self> {
        let point = |row: &Metrics| Some((row.get("step")?, row.get(name).filter(|value| value.is_finite())?));
        let points: Vec<(f64, f64)> = rows.iter().filter_map(point).collect();
        (!points.is_empty()).then(|| Self { label: label.to_owned(), points })
    }

    /// The last value; 0 for a series without points.
    pub(crate) fn last(&self) -> f64 {
        self.points.last().map_or(0.0, |point| point.1)
    }

    /// Median of the values' magnitudes, which tells a series of thousandths from one of thousands.
    pub(crate) fn magnitude(&self) -> f64 {
        let mut sizes: Vec<f64> = self.points.iter().map(|point| point.1.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        sizes.get(sizes.len() / 2).copied().unwrap_or(0.0)
    }

    /// Mean of the first and of the last tenth of the points (at least one, at most ten points each).
    pub(crate) fn ends(&self) -> Option<(f64, f64)> {
        let count = (self.points.len() / 10).clamp(1, 10);
        let first = self.points.get(..count)?;
        let last = self.points.get(self.points.len() - count..)?;
        Some((mean(first), mean(last)))
    }

    /// True when a fourth of the points or more are turns, so that the line of the values cannot be read.
    pub(crate) fn is_noisy(&self) -> bool {
        let rises: Vec<bool> =
            self.points.windows(2).filter(|pair| pair[0].1 != pair[1].1).map(|pair| pair[1].1 > pair[0].1).collect();
        let num_turns = rises.windows(2).filter(|pair| pair[0] != pair[1]).count();
        num_turns * 4 >= self.points.len()
    }

    /// The series averaged over neighbouring points by a Gaussian whose standard deviation is a twenty-fifth of the
    /// points, at least one point.
    pub(crate) fn smoothed(&self) -> Self {
        let width = (self.points.len() as f64 / 25.0).max(1.0);
        let reach = (3.0 * width).ceil() as usize;
        let smooth = |center: usize| {
            let low = center.saturating_sub(reach);
            let high = (center + reach).min(self.points.len() - 1);
            let (mut sum, mut total) = (0.0, 0.0);
            for index in low..=high {
                let distance = (index as f64 - center as f64) / width;
                let weight = (-0.5 * distance * distance).exp();
                sum += weight * self.points[index].1;
                total += weight;
            }
            (self.points[center].0, sum / total)
        };
        Self { label: self.label.clone(), points: (0..self.points.len()).map(smooth).collect() }
    }

    /// The series in at most `limit` points: each is the mean of a run of neighbours.
    pub(crate) fn thinned(&self, limit: usize) -> Self {
        let size = self.points.len().div_ceil(limit.max(1)).max(1);
        let points = self.points.chunks(size).map(|chunk| (chunk[chunk.len() / 2].0, mean(chunk)));
        Self { label: self.label.clone(), points: points.collect() }
    }
}

fn mean(points: &[(f64, f64)]) -> f64 {
    points.iter().map(|point| point.1).sum::<f64>() / points.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[f64]) -> Series {
        Series {
            label: "x".into(),
            points: values.iter().enumerate().map(|(step, value)| (step as f64, *value)).collect(),
        }
    }

    #[test]
    fn values_that_are_not_finite_are_left_out() {
        let rows: Vec<Metrics> = [(1.0, 2.0), (2.0, f64::NAN), (3.0, 4.0)]
            .map(|(step, x)| [("step", step), ("x", x)].into_iter().collect())
            .into();
        assert_eq!(Series::of(&rows, "x", "x").unwrap().points, [(1.0, 2.0), (3.0, 4.0)]);
        assert_eq!(Series::of(&rows, "y", "y"), None);
    }

    #[test]
    fn smoothing_keeps_a_constant_and_calms_a_zigzag() {
        assert!(series(&[2.0; 50]).smoothed().points.iter().all(|point| (point.1 - 2.0).abs() < 1e-12));
        let zigzag: Vec<f64> = (0..100).map(|step| f64::from(step % 2)).collect();
        let middle = &series(&zigzag).smoothed().points[20..80];
        assert!(middle.iter().all(|point| (point.1 - 0.5).abs() < 0.05), "{middle:?}");
    }

    #[test]
    fn a_schedule_is_not_noisy() {
        let schedule: Vec<f64> = (0..100).map(|step| f64::from(step.min(10)) - f64::from(step) * 0.01).collect();
        assert!(!series(&schedule).is_noisy() && !series(&[1.0; 30]).is_noisy());
        assert!(series(&[0.0, 1.0, 0.5, 0.7, 0.1, 0.2]).is_noisy());
    }

    #[test]
    fn thinning_keeps_the_mean() {
        let thin = series(&[1.0, 3.0, 5.0, 7.0]).thinned(2);
        assert_eq!(thin.points, [(1.0, 2.0), (3.0, 6.0)]);
        assert_eq!(series(&[1.0, 9.0]).ends(), Some((1.0, 9.0)));
    }
}
