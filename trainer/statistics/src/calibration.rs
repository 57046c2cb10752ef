//! How well probabilities say how often they are right: the expected calibration error, in ten bins.
//!
//! `ECE = Σ n_b / n |mean outcome - mean probability|` over bins of one width (Naeini, Cooper and Hauskrecht 2015,
//! "Obtaining well calibrated probabilities using Bayesian binning"). A bin holds its lower edge; the last holds 1 too.

use crate::mean::mean;

const NUM_BINS: usize = 10;

/// One bin that holds something.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Predictions in it.
    pub num: usize,
    /// Mean of their probabilities.
    pub probability: f64,
    /// Mean of what came of them, 0 or 1, or a half for a tie.
    pub outcome: f64,
}

/// The calibration of some predictions.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Ten bins; `None` for an empty one.
    pub bins: Vec<Option<Bin>>,
    /// The expected calibration error, 0..=1.
    pub error: f64,
}

impl Calibration {
    /// The calibration of predictions: a probability within 0..=1 each, and what came of it. Bins go from `lowest` to
    /// 1: from 0, or from 0.5 for the confidence in the likelier side. `None` where there is no prediction.
    pub fn of(predictions: &[(f64, f64)], lowest: f64) -> Option<Self> {
        let mut members: Vec<Vec<(f64, f64)>> = vec![Vec::new(); NUM_BINS];
        for (probability, outcome) in predictions {
            let place = ((probability - lowest) / (1.0 - lowest) * NUM_BINS as f64).max(0.0) as usize;
            members[place.min(NUM_BINS - 1)].push((*probability, *outcome));
        }
        let bins: Vec<Option<Bin>> = members.iter().map(|members| Bin::of(members)).collect();
        let gap = |bin: &Bin| bin.num as f64 * (bin.outcome - bin.probability).abs();
        let error = bins.iter().flatten().map(gap).sum::<f64>() / predictions.len() as f64;
        (!predictions.is_empty()).then_some(Self { bins, error })
    }
}

impl Bin {
    fn of(members: &[(f64, f64)]) -> Option<Self> {
        let probability = mean(members.iter().map(|(probability, _)| *probability));
        let outcome = mean(members.iter().map(|(_, outcome)| *outcome));
        (!members.is_empty()).then_some(Self { num: members.len(), probability, outcome })
    }
}
