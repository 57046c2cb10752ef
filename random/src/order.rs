//! Items in a new order each epoch: a permutation keyed by a name and the epoch.

use std::ops::Range;

use crate::key::Key;
use crate::keyed::KeyedRng;

/// The items, as numbers in `0..num_items`, at `places` of an endless sequence of epochs. Each epoch is a permutation
/// keyed by `key` and the epoch's number; place `p` belongs to epoch `p / num_items`.
///
/// # Panics
/// `num_items` is 0 and `places` is not empty.
pub fn shuffled_places(num_items: usize, key: &[Key<'_>], places: Range<u64>) -> Vec<usize> {
    let (mut chosen, mut epoch, mut permutation) = (Vec::new(), None, Vec::new());
    for place in places {
        let current = place / num_items as u64;
        if epoch != Some(current) {
            epoch = Some(current);
            permutation = (0..num_items).collect();
            let key: Vec<Key<'_>> = key.iter().copied().chain([current.into()]).collect();
            KeyedRng::new(&key).shuffle(&mut permutation);
        }
        chosen.push(permutation[(place % num_items as u64) as usize]);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_permutations_and_pieces_fit_together() {
        let key = [7u64.into(), "traces".into()];
        let whole = shuffled_places(10, &key, 0..30);
        let pieces: Vec<usize> = (0..10).flat_map(|i| shuffled_places(10, &key, 3 * i..3 * i + 3)).collect();
        assert_eq!(whole, pieces);
        for epoch in whole.chunks(10) {
            let mut sorted = epoch.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..10).collect::<Vec<_>>());
        }
        assert_ne!(whole[..10], whole[10..20]);
    }
}
