//! Share of the returns' variance that a critic's values explain.
//!
//! `1 - var(returns - values) / var(returns)` over trained tokens: 1 for a critic that is right, 0 for one that is no
//! better than a constant, below 0 for one that is worse. A critic that is off by a constant everywhere has 1: the
//! value loss shows that.

use crate::advantages::is_flat;

/// The share, for the values and returns of a batch's trained tokens in the same order; computed in float64. `None`
/// where the returns do not vary, as with fewer than two tokens.
pub fn explained_variance(values: &[f32], returns: &[f32]) -> Option<f64> {
    if is_flat(returns) {
        return None;
    }
    let errors = returns.iter().zip(values).map(|(&target, &value)| f64::from(target) - f64::from(value));
    let total = sum_of_squares(returns.iter().map(|&target| f64::from(target)));
    Some(1.0 - sum_of_squares(errors) / total)
}

/// Sum of squared distances from the mean.
fn sum_of_squares(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let num_values = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / num_values;
    values.map(|value| (value - mean).powi(2)).sum()
}
