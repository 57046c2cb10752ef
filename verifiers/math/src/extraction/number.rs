//! The rule `last_number`: the last number in the text behind the last formula, with the whole of the plain formula
//! that it stands in. A text that ends inside a formula ends the search.

use super::finding::Finding;
use super::{formula, plain_text};

/// The last plain formula with a number in it.
pub(super) fn find(text: &str) -> Finding<'_> {
    let formulas = formula::scan(text);
    if formulas.is_cut() {
        return Err(formula::CUT);
    }
    let tail = &text[formulas.end()..];
    let found = tail.rsplit('\n').find_map(|line| plain_text::last_formula(line).map(|range| &line[range]));
    Ok(found.map(Into::into))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_in_prose() {
        assert_eq!(find("first 3\nthen 4\nthat is all"), Ok(Some("4".into())));
        assert_eq!(find("$x = 5$, hence 12 apples."), Ok(Some("12".into())));
        assert_eq!(find("12 apples, $x = 5$."), Ok(None));
        assert_eq!(find("not $10, but $20"), Ok(Some("$20".into())));
    }

    #[test]
    fn nothing_is_taken_out_of_a_formula_that_is_cut() {
        assert_eq!(find(r"It is 7, or \( x = \frac{3}{4"), Err(formula::CUT));
        assert_eq!(find(r"$\frac{3}{4"), Err(formula::CUT));
    }
}
