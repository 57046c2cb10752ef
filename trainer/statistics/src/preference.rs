//! Figures of a reward model from pairs of scores: accuracy, calibration and temperature.
//!
//! `d` is the chosen completion's score less the rejected one's, and `sigmoid(d)` the probability that the model gives
//! the choice (Bradley and Terry 1952). A temperature T divides the differences; the best one has the least mean of
//! `-log sigmoid(d / T)` (Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv:1706.04599). In 1 / T this
//! is convex, and its slope `-mean d sigmoid(-d / T)` has one root.

use crate::calibration::Calibration;
use crate::mean::mean;

/// The largest 1 / T that is looked at.
const LARGEST_INVERSE: f64 = 1e3;

/// Share of the pairs whose chosen completion scores higher, a tie counting half; NaN where there is no pair.
pub fn preference_accuracy(differences: &[f64]) -> f64 {
    mean(differences.iter().map(|difference| outcome(*difference)))
}

/// Calibration of the confidence `sigmoid(|d|)` in the side that scores higher.
pub fn preference_calibration(differences: &[f64]) -> Option<Calibration> {
    let prediction = |difference: &f64| (sigmoid(difference.abs()), outcome(*difference));
    Calibration::of(&differences.iter().map(prediction).collect::<Vec<_>>(), 0.5)
}

/// Mean of `-log sigmoid(d / temperature)`; NaN where there is no pair.
pub fn preference_loss(differences: &[f64], temperature: f64) -> f64 {
    mean(differences.iter().map(|difference| {
        let scaled = difference / temperature;
        (-scaled.abs()).exp().ln_1p() + (-scaled).max(0.0)
    }))
}

/// The temperature with the least loss. `None` where there is none above 0 and below infinity: where no rejected
/// completion scores higher, or where they do so on average.
pub fn best_temperature(differences: &[f64]) -> Option<f64> {
    let has_wrong = differences.iter().any(|difference| *difference < 0.0);
    if !has_wrong || differences.iter().sum::<f64>() <= 0.0 {
        return None;
    }
    let is_falling = |inverse: f64| differences.iter().map(|d| d * sigmoid(-inverse * d)).sum::<f64>() > 0.0;
    let (mut low, mut high) = (0.0, LARGEST_INVERSE);
    loop {
        let middle = f64::midpoint(low, high);
        if middle == low || middle == high {
            return Some(1.0 / middle);
        }
        if is_falling(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// What came of a pair: 1 where the chosen one scores higher, a half for a tie.
fn outcome(difference: f64) -> f64 {
    if difference == 0.0 { 0.5 } else { f64::from(difference > 0.0) }
}

/// The logistic function.
pub fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) }
}
