//! The rule `last_number`: the last number in the text behind the last formula, alone or as the last side of an
//! equation. Numbers that an operation is to join, and numbers that are denied, are none. A text that ends inside a
//! formula ends the search.

use super::finding::Finding;
use super::{formula, plain_text};

/// The last plain value that is not denied.
pub(super) fn find(text: &str) -> Finding<'_> {
    let formulas = formula::scan(text);
    if formulas.is_cut() {
        return Err(formula::CUT);
    }
    let mut denied = Vec::new();
    Ok(last_value(&text[formulas.end()..], &mut denied).map(Into::into))
}

/// The last value of plain text; values that are denied are added to `denied`, and are no answer anywhere.
pub(super) fn last_value<'a>(text: &'a str, denied: &mut Vec<&'a str>) -> Option<&'a str> {
    text.rsplit('\n').find_map(|line| plain_text::last_value(line, denied).map(|range| &line[range]))
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
        assert_eq!(find("It is 17.\nIt is not 18."), Ok(Some("17".into())));
        assert_eq!(find("I tried 17.\nThe answer is not 17."), Ok(None));
        assert_eq!(find("There are 12, for 4 * 3 must be taken."), Ok(Some("12".into())));
    }

    #[test]
    fn nothing_is_taken_out_of_a_formula_that_is_cut() {
        assert_eq!(find(r"It is 7, or \( x = \frac{3}{4"), Err(formula::CUT));
        assert_eq!(find(r"$\frac{3}{4"), Err(formula::CUT));
    }
}
