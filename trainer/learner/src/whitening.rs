//! Whitening of advantages by token, over the trained tokens of a whole batch.
//!
//! `(x - mean) / sqrt(variance + 1e-8)`, the variance by n - 1, as verl and TRL have it.
//!
//! Departures: OpenAI's code for arXiv 1909.08593, where whitening comes from, divides by n. Values that are all equal
//! become exactly 0, and so does a single one. Every token weighs the same, so long completions say more about mean and
//! variance than short ones.

use crate::advantages::is_flat;

/// Added to the variance, under the root.
pub const WHITENING_EPS: f64 = 1e-8;

/// Whitened values in the layout of `sequences`: one inner vector a completion, one number a trained token. Computed in
/// float64. Pass one source's completions at a time to whiten per source.
pub fn whitened(sequences: &[Vec<f32>]) -> Vec<Vec<f32>> {
    whitened_among(sequences, &sequences.concat())
}

/// The same, where these are some of the completions whose values are `all`: those of other ranks are there too.
pub fn whitened_among(sequences: &[Vec<f32>], all: &[f32]) -> Vec<Vec<f32>> {
    let values: Vec<f64> = all.iter().map(|&value| f64::from(value)).collect();
    if is_flat(&values) {
        return sequences.iter().map(|sequence| vec![0.0; sequence.len()]).collect();
    }
    let num_values = values.len() as f64; // at least 2
    let mean = values.iter().sum::<f64>() / num_values;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (num_values - 1.0);
    let scale = (variance + WHITENING_EPS).sqrt();
    let whiten = |&value: &f32| ((f64::from(value) - mean) / scale) as f32;
    sequences.iter().map(|sequence| sequence.iter().map(whiten).collect()).collect()
}
