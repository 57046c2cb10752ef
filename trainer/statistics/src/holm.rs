//! Holm's correction of several p-values (Holm 1979, "A simple sequentially rejective multiple test procedure").

/// The p-values of one family, corrected so that any false alarm in it is as rare as the level. A test that could not
/// be made (`None`) counts neither in the number nor in the ranks.
pub fn holm(p_values: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(usize, f64)> =
        p_values.iter().enumerate().filter_map(|(place, p_value)| Some((place, (*p_value)?))).collect();
    order.sort_by(|(_, one), (_, other)| one.total_cmp(other));
    let number = order.len();
    let mut corrected = vec![None; p_values.len()];
    let mut running = 0.0_f64;
    for (rank, (place, p_value)) in order.into_iter().enumerate() {
        running = running.max(((number - rank) as f64 * p_value).min(1.0));
        corrected[place] = Some(running);
    }
    corrected
}
