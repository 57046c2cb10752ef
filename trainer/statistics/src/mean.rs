//! Means and their spread. A leaf: it knows nothing of tasks or samples.

/// The mean of some values; NaN where there are none.
pub(crate) fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, count) = values.into_iter().fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

/// The variance with n - 1; `None` with fewer than two values.
pub(crate) fn variance(values: &[f64]) -> Option<f64> {
    let first = *values.first()?;
    // Values that are all alike have no spread, also where their mean is rounded.
    if values.len() > 1 && values.iter().all(|value| *value == first) {
        return Some(0.0);
    }
    let center = mean(values.iter().copied());
    let squares: f64 = values.iter().map(|value| (value - center).powi(2)).sum();
    (values.len() > 1).then(|| squares / (values.len() as f64 - 1.0))
}

/// The standard error of the mean, `s / sqrt(n)`; `None` with fewer than two values.
pub(crate) fn standard_error(values: &[f64]) -> Option<f64> {
    variance(values).map(|variance| (variance / values.len() as f64).sqrt())
}

/// Part of the scale within which values are alike: their last digits are rounding.
const ROUNDING: f64 = 1e-12;

/// True where values made of numbers up to `scale` differ by no more than rounding does.
pub(crate) fn near_alike(values: &[f64], scale: f64) -> bool {
    let (low, high) = values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)));
    high - low <= ROUNDING * scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_alike_have_no_spread() {
        let thirds = [1.0 / 3.0; 7];
        assert_eq!(variance(&thirds), Some(0.0));
        assert_eq!((variance(&thirds[..1]), standard_error(&[])), (None, None));
        assert_eq!(standard_error(&[1.0, 3.0]), Some(1.0));
    }
}
