//! Benjamini and Hochberg's correction (1995, "Controlling the false discovery rate"): of the tests that are called,
//! the share of false alarms is as rare as the level. For a first look at many arms; a claim wants
//! [`holm`](crate::holm()).

/// The p-values of one family, corrected. A test that could not be made (`None`) counts neither in the number nor in
/// the ranks.
pub fn benjamini_hochberg(p_values: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(usize, f64)> =
        p_values.iter().enumerate().filter_map(|(place, p_value)| Some((place, (*p_value)?))).collect();
    order.sort_by(|(_, one), (_, other)| one.total_cmp(other));
    let number = order.len() as f64;
    let mut corrected = vec![None; p_values.len()];
    let mut running = 1.0_f64;
    for (rank, (place, p_value)) in order.into_iter().enumerate().rev() {
        running = running.min(number / (rank as f64 + 1.0) * p_value);
        corrected[place] = Some(running);
    }
    corrected
}
