//! Items in pieces of a bounded number of tokens.

/// Consecutive pieces whose sizes add up to at most `max`; an item that is larger stands alone.
pub fn split_by_tokens<T>(items: &[T], max: usize, size: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let (mut pieces, mut start, mut total) = (Vec::new(), 0, 0);
    for (i, item) in items.iter().enumerate() {
        if i > start && total + size(item) > max {
            pieces.push(&items[start..i]);
            (start, total) = (i, 0);
        }
        total += size(item);
    }
    if start < items.len() {
        pieces.push(&items[start..]);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_keep_the_order_and_the_bound(sizes in prop::collection::vec(0usize..50, 0..40), max in 1usize..100) {
            let pieces = split_by_tokens(&sizes, max, |size| *size);
            prop_assert_eq!(pieces.concat(), sizes.clone());
            for piece in pieces {
                prop_assert!(piece.len() == 1 || piece.iter().sum::<usize>() <= max);
            }
        }
    }
}
