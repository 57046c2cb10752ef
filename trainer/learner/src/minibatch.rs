//! A step's batch in minibatches, one an optimizer update: whole groups, as evenly as they go.

use anyhow::Result;

use crate::ranks::{Ranks, as_many_on};

/// Splits groups in their order into at most `count` pieces whose sizes differ by one at most; no piece is empty.
pub fn minibatches<T>(groups: &[T], count: usize) -> Vec<&[T]> {
    let count = count.min(groups.len());
    let mut rest = groups;
    (0..count)
        .map(|place| {
            let (piece, others) = rest.split_at(rest.len().div_ceil(count - place));
            rest = others;
            piece
        })
        .collect()
}

/// A step's groups on this rank in as many minibatches as on every other: at most `count`, and empty ones at the end
/// where a rank has fewer groups than another.
///
/// # Errors
/// An operation between the ranks failed.
pub fn minibatches_on<'a, T>(groups: &'a [T], count: usize, ranks: Option<&Ranks>) -> Result<Vec<&'a [T]>> {
    Ok(as_many_on(ranks, minibatches(groups, count))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_differ_by_one_and_the_order_stays() {
        for num_groups in 0..40 {
            let groups: Vec<usize> = (0..num_groups).collect();
            for count in 1..9 {
                let pieces = minibatches(&groups, count);
                assert_eq!(pieces.len(), count.min(num_groups));
                assert_eq!(pieces.concat(), groups);
                let sizes = pieces.iter().map(|piece| piece.len());
                let (smallest, largest) = (sizes.clone().min().unwrap_or(0), sizes.max().unwrap_or(0));
                assert!(largest - smallest <= 1 && (num_groups == 0 || smallest > 0));
            }
        }
    }
}
