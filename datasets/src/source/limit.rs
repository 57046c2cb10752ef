//! The draw of a limit.

use random::{Key, KeyedRng};

use crate::loaded::Loaded;

/// Keeps so many records, in their order. Which ones depends on their ids and the seed alone, so that every model is
/// asked the same ones, and a larger limit keeps those of a smaller.
pub(super) fn draw<T>(loaded: &mut Loaded<T>, most: usize, seed: u64, id: fn(&T) -> &str) {
    let num_records = loaded.records.len();
    if num_records <= most {
        return;
    }
    let number = |record: &T| KeyedRng::new(&[Key::Text("limit"), seed.into(), Key::Text(id(record))]).next_u64();
    let mut drawn: Vec<(u64, usize)> = loaded.records.iter().map(number).zip(0..).collect();
    drawn.sort_unstable();
    let mut is_kept = vec![false; num_records];
    for (_, index) in &drawn[..most] {
        is_kept[*index] = true;
    }
    let mut kept = is_kept.iter();
    loaded.records.retain(|_| kept.next() == Some(&true));
    let mut kept = is_kept.iter();
    loaded.places.retain(|_| kept.next() == Some(&true));
    loaded.num_beyond_limit = (num_records - most) as u64;
}
