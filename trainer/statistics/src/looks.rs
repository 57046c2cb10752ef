//! Levels of several looks at one comparison, so that all of them together raise a false alarm no more often than one.
//!
//! Levels that sum to alpha hold it whatever the looks have in common (Bonferroni).

use crate::normal::{normal_quantile_above, normal_tail};

/// The same one-sided level at each look.
pub fn equal_levels(alpha: f64, num_looks: usize) -> Vec<f64> {
    vec![alpha / num_looks as f64; num_looks]
}

/// What Lan and DeMets' spending function of O'Brien and Fleming's kind adds at each look: with `z` the normal quantile
/// above which alpha / 2 lies, `2 - 2 Φ(z / sqrt(t))` has been spent at the share t of the looks (Lan and DeMets 1983,
/// "Discrete sequential boundaries for clinical trials"). Most of alpha is left for the last look.
pub fn obrien_fleming_levels(alpha: f64, num_looks: usize) -> Vec<f64> {
    let z = normal_quantile_above(alpha / 2.0);
    let spent = |look: usize| match look {
        0 => 0.0,
        look => 2.0 * normal_tail(z / (look as f64 / num_looks as f64).sqrt()),
    };
    (1..=num_looks).map(|look| spent(look) - spent(look - 1)).collect()
}
