//! Perfect matchings: whether things of two kinds can be paired off, each with one that fits it. It must not know what
//! a call is.
//!
//! Augmenting paths (Berge, "Two theorems in graph theory", 1957): where an item finds no free partner, those that are
//! taken are asked to move on to another.

/// Pairs each row of `fits`, a square of `[rows][columns]`, with a column of its own.
///
/// # Errors
/// A row that stays without a partner however the others are paired.
pub(super) fn perfect_matching(fits: &[Vec<bool>]) -> Result<(), usize> {
    let mut row_of: Vec<Option<usize>> = vec![None; fits.len()];
    for row in 0..fits.len() {
        if !place(row, fits, &mut row_of, &mut vec![false; fits.len()]) {
            return Err(row);
        }
    }
    Ok(())
}

/// Gives `row` a column, moving others on where needed; `tried` are the columns of this search. The recursion is no
/// deeper than there are rows.
fn place(row: usize, fits: &[Vec<bool>], row_of: &mut [Option<usize>], tried: &mut [bool]) -> bool {
    for column in 0..row_of.len() {
        if !fits[row][column] || tried[column] {
            continue;
        }
        tried[column] = true;
        if row_of[column].is_none_or(|holder| place(holder, fits, row_of, tried)) {
            row_of[column] = Some(row);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// True where some order of the columns fits the rows.
    fn some_order_fits(fits: &[Vec<bool>], row: usize, free: &mut Vec<usize>) -> bool {
        row == fits.len()
            || (0..free.len()).any(|at| {
                let column = free.remove(at);
                let found = fits[row][column] && some_order_fits(fits, row + 1, free);
                free.insert(at, column);
                found
            })
    }

    fn square(size: usize) -> impl Strategy<Value = Vec<Vec<bool>>> {
        prop::collection::vec(prop::collection::vec(any::<bool>(), size), size)
    }

    #[test]
    fn whoever_is_choosier_is_served_too() {
        assert_eq!(perfect_matching(&[]), Ok(()));
        assert_eq!(perfect_matching(&[vec![true, true], vec![true, false]]), Ok(()));
        assert_eq!(perfect_matching(&[vec![true, false], vec![true, false]]), Err(1));
    }

    #[test]
    fn a_long_chain_is_moved_on() {
        let num_rows = 300;
        let fits: Vec<Vec<bool>> = (0..num_rows)
            .map(|row| (0..num_rows).map(|column| column == row || column + 1 == row || row == 0).collect())
            .collect();
        assert_eq!(perfect_matching(&fits), Ok(()));
    }

    proptest! {
        #[test]
        fn it_finds_what_trying_all_orders_finds(fits in (0_usize..6).prop_flat_map(square)) {
            let all = &mut (0..fits.len()).collect();
            prop_assert_eq!(perfect_matching(&fits).is_ok(), some_order_fits(&fits, 0, all));
        }
    }
}
