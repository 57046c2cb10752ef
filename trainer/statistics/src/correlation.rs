//! Correlation of two measures of the same things, as of score and length.

use crate::mean::mean;

/// Pearson's correlation; `None` where one of the two is constant or they are not of one length.
pub fn pearson(one: &[f64], other: &[f64]) -> Option<f64> {
    let is_constant = |values: &[f64]| values.iter().all(|value| *value == values[0]);
    if one.len() != other.len() || one.is_empty() || is_constant(one) || is_constant(other) {
        return None;
    }
    let (center, other_center) = (mean(one.iter().copied()), mean(other.iter().copied()));
    let offsets = || one.iter().map(|x| x - center).zip(other.iter().map(|y| y - other_center));
    let product: f64 = offsets().map(|(x, y)| x * y).sum();
    let squares: f64 = offsets().map(|(x, _)| x * x).sum();
    let other_squares: f64 = offsets().map(|(_, y)| y * y).sum();
    Some((product / (squares * other_squares).sqrt()).clamp(-1.0, 1.0))
}

/// Spearman's correlation: Pearson's of the ranks, equal values sharing the mean of theirs.
pub fn spearman(one: &[f64], other: &[f64]) -> Option<f64> {
    pearson(&ranks(one), &ranks(other))
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|one, other| values[*one].total_cmp(&values[*other]));
    let mut ranks = vec![0.0; values.len()];
    let mut rank = 0.0;
    for tied in order.chunk_by(|one, other| values[*one] == values[*other]) {
        let count = tied.len() as f64;
        for place in tied {
            ranks[*place] = rank + (count + 1.0) / 2.0;
        }
        rank += count;
    }
    ranks
}
